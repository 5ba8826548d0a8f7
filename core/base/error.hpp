// The one error type of the core.
//
// An Error says what failed (operation), on which object, why (errno or a nested cause) and, where we know
// it, what to do (hint). It is thrown; it stops at the three edges (C ABI, ttrpc, gRPC), where it becomes
// that edge's error, and at main(), where what() is printed as one sentence.
#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

namespace nacre {

// Stable codes; the names follow gRPC's, so that every edge can map them one to one. Append only.
enum class ErrorCode {
  unknown = 2,
  invalid_argument = 3, // the caller's input can never work
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,  // disk, memory, limits
  failed_precondition = 9, // the object is in the wrong state for this
  aborted = 10,
  unimplemented = 12,
  internal = 13,
  unavailable = 14, // a peer is gone or not there yet
};

class Error : public std::exception {
public:
  // `operation` is a verb phrase in lower case without full stop ("open guest kernel"); `object` is shown in
  // double quotes, or not at all when empty.
  Error(ErrorCode code, std::string_view operation, std::string_view object = {});

  // An Error whose cause is errno `error`, with the code that fits that errno (ENOENT is not_found and so
  // on).
  static Error from_errno(int error, std::string_view operation, std::string_view object = {});

  Error& because(std::string_view cause) &; // the cause's own words, appended after a colon
  Error&& because(std::string_view cause) &&;
  Error& because(const std::exception& cause) &;
  Error&& because(const std::exception& cause) &&;
  Error& hint(std::string_view remedy) &; // what the user can do, appended after a semicolon
  Error&& hint(std::string_view remedy) &&;
  Error& with_errno(int error) &;
  Error&& with_errno(int error) &&;

  ErrorCode code() const noexcept { return code_; }
  int error_number() const noexcept { return errno_; } // 0 when no errno is known
  const std::string& operation() const noexcept { return operation_; }
  const std::string& object() const noexcept { return object_; }
  const std::string& cause() const noexcept { return cause_; } // what because() gave
  // operation "object": cause; hint
  const char* what() const noexcept override { return text_.c_str(); }

private:
  void compose();
  ErrorCode code_;
  int errno_ = 0;
  std::string operation_, object_, cause_, hint_, text_;
};

// strerror without locale or static buffer.
std::string errno_text(int error);

// Throws Error::from_errno(errno, ...) when `result` is negative, else returns it. For system calls.
template <typename Int> Int check_errno(Int result, std::string_view operation, std::string_view object = {});

[[noreturn]] void throw_errno(std::string_view operation, std::string_view object = {});

template <typename Int> Int check_errno(Int result, std::string_view operation, std::string_view object) {
  if (result < 0) throw_errno(operation, object);
  return result;
}

} // namespace nacre
