#include "plugin/operation.hpp"

#include <chrono>
#include <new>

namespace nacre::plugin {
namespace {

ErrorCode code_of(std::int32_t code) {
  switch (code) {
  case NACRE_E_INVALID_ARGUMENT:
  case NACRE_E_DEADLINE:
  case NACRE_E_NOT_FOUND:
  case NACRE_E_ALREADY_EXISTS:
  case NACRE_E_PERMISSION:
  case NACRE_E_EXHAUSTED:
  case NACRE_E_PRECONDITION:
  case NACRE_E_CANCELLED:
  case NACRE_E_UNSUPPORTED:
  case NACRE_E_INTERNAL:
  case NACRE_E_UNAVAILABLE:
    return static_cast<ErrorCode>(code); // the same numbers
  default:
    return ErrorCode::unknown;
  }
}

std::string operation_text(const char* words) {
  return std::string(words) + " with plugin";
}

} // namespace

Operation::Operation(const Plugin& plugin, const char* words, const Limits& limits, const HostServices* host)
    : plugin_(plugin), words_(words), host_(host) {
  call_ = {sizeof call_, limits.cancel_fd, limits.deadline_ns};
}

void Operation::need(bool present) const {
  if (!present)
    throw Error(ErrorCode::unimplemented, operation_text(words_), plugin_.label())
        .because("version " + plugin_.identity().version + " of it does not offer that");
}

void Operation::tell_overdue() const {
  host_->warn(std::string(words_) + ": its deadline has passed, and it has not returned");
}

void Operation::rethrow() const {
  std::string what = "of a type that is no std::exception";
  try {
    throw;
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    what = error.what();
  } catch (...) {
  }
  throw Error(ErrorCode::internal, operation_text(words_), plugin_.label())
      .because("an exception left the plugin, which it must not: " + what);
}

void Operation::finish(std::int32_t result, nacre_error& error) const {
  using namespace std::chrono;
  const auto now = static_cast<std::uint64_t>(nanoseconds(steady_clock::now().time_since_epoch()).count());
  if (host_ != nullptr && call_.deadline_ns != 0 && now > call_.deadline_ns + 100'000'000)
    host_->warn(std::string(words_) + ": " + std::to_string((now - call_.deadline_ns) / 1'000'000) +
                " ms past its deadline");
  if (result == 0) return;
  error.what[sizeof error.what - 1] = '\0';
  const std::string what = error.what[0] != '\0' ? error.what : "it gave no reason";
  Error problem = Error(code_of(-result), operation_text(words_), plugin_.label()).because(what);
  // Most sentences hold errno's words already.
  if (error.errno_value > 0 && what.find(errno_text(error.errno_value)) == what.npos)
    problem.with_errno(error.errno_value);
  throw problem;
}

} // namespace nacre::plugin
