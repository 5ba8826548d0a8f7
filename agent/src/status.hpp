// Errors at the gRPC edge.
#pragma once

#include "error.hpp"

#include <grpcpp/support/status.h>

namespace nacre::agent {

grpc::Status status_of(const Error& error);

// Runs a call's body; whatever it throws becomes the call's status.
template <typename Body> grpc::Status as_status(Body&& body) {
  try {
    body();
    return grpc::Status::OK;
  } catch (const Error& error) {
    return status_of(error);
  } catch (const std::exception& error) {
    return {grpc::StatusCode::INTERNAL, error.what()};
  }
}

} // namespace nacre::agent
