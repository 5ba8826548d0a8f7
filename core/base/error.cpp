#include "base/error.hpp"

#include <cerrno>
#include <cstring>

namespace nacre {
namespace {

ErrorCode code_for(int error) {
  switch (error) {
  case ENOENT:
  case ENXIO:
  case ESRCH:
  case ENODEV:
    return ErrorCode::not_found;
  case EEXIST:
    return ErrorCode::already_exists;
  case EPERM:
  case EACCES:
  case EROFS:
    return ErrorCode::permission_denied;
  case ENOSPC:
  case EDQUOT:
  case ENOMEM:
  case EMFILE:
  case ENFILE:
  case EFBIG:
    return ErrorCode::resource_exhausted;
  case EINVAL:
  case ENAMETOOLONG:
  case ENOTDIR:
  case EISDIR:
  case ELOOP:
    return ErrorCode::invalid_argument;
  case ETIMEDOUT:
    return ErrorCode::deadline_exceeded;
  case EPIPE:
  case ECONNREFUSED:
  case ECONNRESET:
    return ErrorCode::unavailable;
  case ENOSYS:
  case EOPNOTSUPP:
    return ErrorCode::unimplemented;
  case EBUSY:
  case ENOTEMPTY:
    return ErrorCode::failed_precondition;
  default:
    return ErrorCode::internal;
  }
}

} // namespace

std::string errno_text(int error) {
  const char* description = strerrordesc_np(error);
  return description ? description : "error " + std::to_string(error);
}

Error::Error(ErrorCode code, std::string_view operation, std::string_view object)
    : code_(code), operation_(operation), object_(object) {
  compose();
}

Error Error::from_errno(int error, std::string_view operation, std::string_view object) {
  return Error(code_for(error), operation, object).with_errno(error);
}

Error& Error::because(std::string_view cause) & {
  cause_ = cause;
  compose();
  return *this;
}
Error&& Error::because(std::string_view cause) && {
  return std::move(this->because(cause));
}
Error& Error::because(const std::exception& cause) & {
  return because(std::string_view(cause.what()));
}
Error&& Error::because(const std::exception& cause) && {
  return std::move(this->because(cause));
}
Error& Error::hint(std::string_view remedy) & {
  hint_ = remedy;
  compose();
  return *this;
}
Error&& Error::hint(std::string_view remedy) && {
  return std::move(this->hint(remedy));
}
Error& Error::with_errno(int error) & {
  errno_ = error;
  compose();
  return *this;
}
Error&& Error::with_errno(int error) && {
  return std::move(this->with_errno(error));
}

void Error::compose() {
  text_ = operation_;
  if (!object_.empty()) text_ += " \"" + object_ + "\"";
  if (!cause_.empty()) text_ += ": " + cause_;
  if (errno_ != 0) text_ += ": " + errno_text(errno_);
  if (!hint_.empty()) text_ += "; " + hint_;
}

void throw_errno(std::string_view operation, std::string_view object) {
  throw Error::from_errno(errno, operation, object);
}

} // namespace nacre
