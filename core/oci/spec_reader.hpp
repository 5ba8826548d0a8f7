// From JSON fields to the model, one function for each part of the specification.
#pragma once

#include "oci/json_field.hpp"
#include "oci/spec.hpp"

namespace nacre::oci {

Process read_process(const Field& field);
Hooks read_hooks(const Field& field);
Linux read_linux(const Field& field);
std::vector<Mount> read_mounts(const Field& field);
std::map<std::string, std::string> read_text_map(const Field& field);

// Whether a path holds a component "..".
bool has_dot_dot(std::string_view path);

} // namespace nacre::oci
