// What a bug report gets of a container's own documents: what the runtime acts on, not what is the user's.
// Values of environment variables and annotations, and arguments, are left out.
#pragma once

#include "cli/diagnosis/secrets.hpp"

#include <boost/json/object.hpp>

namespace nacre::cli {

// Of a config.json; members that OCI does not know are left out.
boost::json::object bundle_summary(const boost::json::object& spec);
// Of a state.json.
boost::json::object state_summary(const boost::json::object& state);

// Adds what may be secret in a config.json to `secrets`: it may also stand in logs.
void learn_secrets(const boost::json::object& spec, Secrets& secrets);

} // namespace nacre::cli
