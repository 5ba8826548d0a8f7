#include "error.hpp"

#include <cerrno>
#include <cstring>

namespace nacre::agent {

namespace {

Code code_of(int error_number) {
  switch (error_number) {
  case ENOENT:
  case ESRCH:
    return Code::not_found;
  case EEXIST:
    return Code::already_exists;
  case EACCES:
  case EPERM:
    return Code::permission_denied;
  case EINVAL:
    return Code::invalid_argument;
  case ENOSPC:
  case ENOMEM:
  case EMFILE:
  case EAGAIN:
    return Code::resource_exhausted;
  default:
    return Code::internal;
  }
}

} // namespace

std::string quoted(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  out += text;
  out += '"';
  return out;
}

Error system_error(std::string_view operation, std::string_view object, int error_number) {
  std::string text(operation);
  if (!object.empty()) text += " " + quoted(object);
  text += ": ";
  text += std::strerror(error_number);
  return Error(code_of(error_number), text);
}

Error system_error(std::string_view operation, std::string_view object) {
  return system_error(operation, object, errno);
}

} // namespace nacre::agent
