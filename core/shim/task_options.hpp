// What a Task call carries beyond its own fields, from any of the doors.
#pragma once

#include "ttrpc/proto/nacre_task.pb.h"
#include "ttrpc/proto/wire.pb.h"

#include <string>

namespace nacre::shim {

// CreateTaskRequest.options. At containerd's door they are runtimeoptions.v1.Options (its ConfigPath counts)
// or runc's own (an engine that knows no other runtime sends them; what has a meaning here counts); they
// become our own CreateOptions. Throws Error(invalid_argument) when they are of a known type and cannot be
// read.
nacre::task::v1::CreateOptions read_create_options(const ttrpc::wire::Any& options);

// ExecProcessRequest.spec: an ExecOptions, or the JSON of an OCI process.
nacre::task::v1::ExecOptions read_exec_options(const ttrpc::wire::Any& spec);

} // namespace nacre::shim
