// Settings that a pod's annotations carry: io.katacontainers.config.GROUP.NAME, as with Kata, and
// io.nacre.config.GROUP.NAME, where GROUP is hypervisor, agent or runtime. None is admitted unless
// enable_annotations lists it, and none can name a program, plugin, library, socket or device.
#pragma once

#include "config/document.hpp"
#include "config/table_check.hpp"

#include <map>
#include <string>

namespace nacre::config {

using Annotations = std::map<std::string, std::string>;

struct AnnotationRules {
  const std::string& hypervisor_table; // "hypervisor.NAME"
  const CheckedTable& guest;           // enable_annotations and the valid_*_paths
};

// Puts the settings into `document`. False: there is none among `annotations`. Throws Error for one that is
// not admitted, or that there is no such setting for.
bool apply_annotations(Document& document, const AnnotationRules& rules, const Annotations& annotations);

// Those of `annotations` that bear a setting.
Annotations setting_annotations(const Annotations& annotations);

// Throws the first of `problems` that an annotation has made, as an Error that names it.
void throw_fault_of_annotation(const Problems& problems);

// enable_annotations must be regular expressions; valid_*_paths begin with /.
void check_patterns(const std::string& table, const CheckedTable& guest, Problems& problems);

} // namespace nacre::config
