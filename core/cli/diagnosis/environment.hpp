// `nacre env`: every fact that a bug report wants, without secrets. docs/operators.md describes its shape;
// members are added, never renamed.
#pragma once

#include <boost/json/object.hpp>

#include <string>

namespace nacre::cli {

// `config_file`: of --config; "": the default places. Broken parts say so in their own member.
boost::json::object environment_document(const std::string& config_file, const std::string& root);

} // namespace nacre::cli
