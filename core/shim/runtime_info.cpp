#include "shim/runtime_info.hpp"

#include "base/paths.hpp"
#include "oci/features.hpp"
#include "ttrpc/proto/introspection.pb.h"

namespace nacre::shim {

std::string runtime_info() {
  containerd::types::RuntimeInfo info;
  info.set_name("io.containerd.nacre.v2");
  info.mutable_version()->set_version(paths::version);
  info.mutable_features()->set_type_url(
      "types.containerd.io/opencontainers/runtime-spec/1/features/Features");
  info.mutable_features()->set_value(oci::features_json());
  return info.SerializeAsString();
}

std::string version_text(const std::string& program) {
  return program + ":\n  Version:  " + paths::version + "\n";
}

} // namespace nacre::shim
