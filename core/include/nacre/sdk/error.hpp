// Errors on the plugin's side: thrown in C++, turned into struct nacre_error by guard(), which every entry of
// a table runs in, so that no exception crosses the boundary.
#ifndef NACRE_SDK_ERROR_HPP
#define NACRE_SDK_ERROR_HPP

#include <nacre/plugin/error.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace nacre::sdk {

// The code that fits an errno.
inline std::int32_t code_of_errno(int error) noexcept {
  switch (error) {
  case ENOENT:
  case ENXIO:
  case ESRCH:
  case ENODEV:
    return NACRE_E_NOT_FOUND;
  case EEXIST:
    return NACRE_E_ALREADY_EXISTS;
  case EPERM:
  case EACCES:
  case EROFS:
    return NACRE_E_PERMISSION;
  case ENOSPC:
  case EDQUOT:
  case ENOMEM:
  case EMFILE:
  case ENFILE:
    return NACRE_E_EXHAUSTED;
  case EINVAL:
  case ENAMETOOLONG:
  case ENOTDIR:
  case EISDIR:
  case ELOOP:
    return NACRE_E_INVALID_ARGUMENT;
  case ETIMEDOUT:
    return NACRE_E_DEADLINE;
  case ECANCELED:
    return NACRE_E_CANCELLED;
  case EPIPE:
  case ECONNREFUSED:
  case ECONNRESET:
    return NACRE_E_UNAVAILABLE;
  case ENOSYS:
  case EOPNOTSUPP:
    return NACRE_E_UNSUPPORTED;
  case EBUSY:
  case ENOTEMPTY:
    return NACRE_E_PRECONDITION;
  default:
    return NACRE_E_INTERNAL;
  }
}

// `text` is one sentence without full stop: what failed, on which object in double quotes, why, what to do.
class Error : public std::runtime_error {
public:
  Error(std::int32_t code, const std::string& text, int errno_value = 0)
      : std::runtime_error(text), code_(code), errno_(errno_value) {}
  // `text` is what failed and on what; errno's own words are appended.
  static Error from_errno(int error, const std::string& text) {
    const char* words = ::strerrordesc_np(error);
    return Error(code_of_errno(error), text + ": " + (words ? words : "error " + std::to_string(error)),
                 error);
  }

  std::int32_t code() const noexcept { return code_; }
  int errno_value() const noexcept { return errno_; }

private:
  std::int32_t code_;
  int errno_;
};

// For system calls: throws when `result` is negative, else returns it.
template <typename Int> Int check_errno(Int result, const std::string& text) {
  if (result < 0) throw Error::from_errno(errno, text);
  return result;
}

[[noreturn]] inline void unsupported(const char* operation) {
  throw Error(NACRE_E_UNSUPPORTED, std::string("this plugin cannot ") + operation);
}

// Copies at most `capacity` - 1 bytes and a NUL; never cuts a UTF-8 character in two.
inline void copy_text(char* to, std::size_t capacity, std::string_view text) noexcept {
  if (capacity == 0) return;
  std::size_t length = std::min(text.size(), capacity - 1);
  if (length < text.size())
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80)
      --length;
  std::memcpy(to, text.data(), length);
  to[length] = '\0';
}

inline std::int32_t fill_error(nacre_error* error, std::int32_t code, int errno_value,
                               std::string_view text) noexcept {
  if (error != nullptr && error->struct_size >= offsetof(nacre_error, what) + 2) {
    error->code = code;
    error->errno_value = errno_value;
    error->reserved = 0;
    copy_text(error->what,
              std::min<std::size_t>(error->struct_size, sizeof *error) - offsetof(nacre_error, what), text);
  }
  return -code;
}

// Runs `body`; 0, or the negative code of what it threw.
template <typename Body> std::int32_t guard(nacre_error* error, Body&& body) noexcept {
  try {
    std::forward<Body>(body)();
    return 0;
  } catch (const Error& e) {
    return fill_error(error, e.code(), e.errno_value(), e.what());
  } catch (const std::system_error& e) {
    const bool is_errno =
        e.code().category() == std::generic_category() || e.code().category() == std::system_category();
    const int value = is_errno ? e.code().value() : 0;
    return fill_error(error, value ? code_of_errno(value) : NACRE_E_INTERNAL, value, e.what());
  } catch (const std::bad_alloc&) {
    return fill_error(error, NACRE_E_EXHAUSTED, ENOMEM, "out of memory");
  } catch (const std::exception& e) {
    return fill_error(error, NACRE_E_UNKNOWN, 0, e.what());
  } catch (...) {
    return fill_error(error, NACRE_E_UNKNOWN, 0, "an exception that is no std::exception");
  }
}

} // namespace nacre::sdk

#endif
