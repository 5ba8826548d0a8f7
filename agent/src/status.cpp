#include "status.hpp"

namespace nacre::agent {

namespace {

grpc::StatusCode grpc_code(Code code) {
  switch (code) {
  case Code::invalid_argument:
    return grpc::StatusCode::INVALID_ARGUMENT;
  case Code::not_found:
    return grpc::StatusCode::NOT_FOUND;
  case Code::already_exists:
    return grpc::StatusCode::ALREADY_EXISTS;
  case Code::permission_denied:
    return grpc::StatusCode::PERMISSION_DENIED;
  case Code::failed_precondition:
    return grpc::StatusCode::FAILED_PRECONDITION;
  case Code::resource_exhausted:
    return grpc::StatusCode::RESOURCE_EXHAUSTED;
  case Code::unavailable:
    return grpc::StatusCode::UNAVAILABLE;
  case Code::internal:
    break;
  }
  return grpc::StatusCode::INTERNAL;
}

} // namespace

grpc::Status status_of(const Error& error) {
  return {grpc_code(error.code()), error.what()};
}

} // namespace nacre::agent
