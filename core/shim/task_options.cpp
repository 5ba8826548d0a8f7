#include "shim/task_options.hpp"

#include "base/error.hpp"
#include "ttrpc/proto/runc.pb.h"
#include "ttrpc/proto/runtimeoptions.pb.h"

#include <string_view>

namespace nacre::shim {
namespace {

// Go peers write "name", others "type.googleapis.com/name".
bool is_type(const ttrpc::wire::Any& any, std::string_view name) {
  const std::string_view url = any.type_url();
  return url == name || (url.ends_with(name) && url[url.size() - name.size() - 1] == '/');
}

template <typename Message> Message unpack(const ttrpc::wire::Any& any) {
  Message message;
  if (!message.ParseFromString(any.value()))
    throw Error(ErrorCode::invalid_argument, "read task options", any.type_url()).because("they are damaged");
  return message;
}

} // namespace

nacre::task::v1::CreateOptions read_create_options(const ttrpc::wire::Any& options) {
  if (is_type(options, "nacre.task.v1.CreateOptions")) return unpack<nacre::task::v1::CreateOptions>(options);
  nacre::task::v1::CreateOptions read;
  // containerd 1.4.3 and 1.4.4 send the same message under the name of its older home.
  if (is_type(options, "runtimeoptions.v1.Options") || is_type(options, "cri.runtimeoptions.v1.Options"))
    read.set_config_path(unpack<runtimeoptions::v1::Options>(options).config_path());
  if (is_type(options, "containerd.runc.v1.Options")) {
    const auto runc = unpack<containerd::runc::v1::Options>(options);
    read.set_systemd_cgroup(runc.systemd_cgroup());
    read.set_no_new_keyring(runc.no_new_keyring());
    read.set_no_pivot(runc.no_pivot_root());
  }
  return read;
}

nacre::task::v1::ExecOptions read_exec_options(const ttrpc::wire::Any& spec) {
  if (is_type(spec, "nacre.task.v1.ExecOptions")) return unpack<nacre::task::v1::ExecOptions>(spec);
  nacre::task::v1::ExecOptions read;
  read.set_process_json(spec.value());
  return read;
}

} // namespace nacre::shim
