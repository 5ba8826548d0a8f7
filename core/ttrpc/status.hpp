// nacre::Error at the ttrpc edge: a google.rpc.Status, and back.
#pragma once

#include "base/error.hpp"
#include "ttrpc/proto/wire.pb.h"

#include <string_view>

namespace nacre::ttrpc {

wire::Status to_status(const std::exception& error); // an Error keeps its code, anything else is `unknown`
wire::Status to_status(ErrorCode code, std::string_view message);

// Throws an Error with the status' code and exactly its message, when the code is not 0.
void throw_if_failed(const wire::Status& status);

} // namespace nacre::ttrpc
