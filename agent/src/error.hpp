// The agent's one exception type. It stops at the gRPC edge (service.cpp), where the code becomes the call's
// status and the text its message, or at main(), where it becomes the last line on the console.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace nacre::agent {

enum class Code {
  invalid_argument,
  not_found,
  already_exists,
  permission_denied,
  failed_precondition,
  resource_exhausted,
  unavailable,
  internal,
};

class Error : public std::runtime_error {
public:
  Error(Code code, const std::string& text) : std::runtime_error(text), code_(code) {}
  Code code() const noexcept { return code_; }

private:
  Code code_;
};

// `"text"`, for the object of a sentence.
std::string quoted(std::string_view text);
// For strings too: <chrono> of g++ 14 brings in std::quoted, which argument-dependent lookup finds and which
// fits a string better than a view does. A function that is no template wins.
inline std::string quoted(const std::string& text) {
  return quoted(std::string_view(text));
}
inline std::string quoted(std::string& text) {
  return quoted(std::string_view(text));
}

// `operation "object": reason of errno`. The code follows from errno (ENOENT is not_found and so on).
[[nodiscard]] Error system_error(std::string_view operation, std::string_view object, int error_number);

// The same with the calling thread's errno.
[[nodiscard]] Error system_error(std::string_view operation, std::string_view object);

} // namespace nacre::agent
