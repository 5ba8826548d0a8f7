#include "cli/output.hpp"

#include "base/error.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>

#include <cerrno>
#include <memory>
#include <unistd.h>

namespace nacre::cli {
namespace {

LogOptions options;

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    check_errno(count, "write output");
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

// %* of a pattern: the message as a JSON string.
class JsonMessage : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const auto text = boost::json::serialize(
        boost::json::string(std::string_view(message.payload.data(), message.payload.size())));
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }
};

std::unique_ptr<spdlog::formatter> make_formatter(LogFormat format) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc, "\n");
  formatter->add_flag<JsonMessage>('*').set_pattern(
      format == LogFormat::json ? R"({"level":"%l","msg":%*,"time":"%Y-%m-%dT%H:%M:%SZ"})"
                                : R"(time="%Y-%m-%dT%H:%M:%SZ" level=%l msg=%*)");
  return formatter;
}

// A write(2) a line to the end of the file, since the engine reads it and other calls append to it.
void log_line(spdlog::level::level_enum level, std::string_view message) {
  const spdlog::string_view_t text(message.data(), message.size());
  if (!options.file.empty()) {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_st>(options.file);
    sink->set_formatter(make_formatter(options.format));
    spdlog::logger logger("nacre", sink);
    logger.set_level(spdlog::level::debug);
    logger.log(level, text);
    logger.flush();
    return;
  }
  if (options.format == LogFormat::text) return;
  spdlog::memory_buf_t line;
  make_formatter(options.format)->format(spdlog::details::log_msg("nacre", level, text), line);
  write_all(STDERR_FILENO, {line.data(), line.size()});
}

} // namespace

void print(std::string_view text) {
  write_all(STDOUT_FILENO, text);
}

void set_log(LogOptions wanted) {
  options = std::move(wanted);
}

void log_error(std::string_view message) noexcept {
  try {
    // People read stderr; engines read --log, or stderr where they ask for JSON there.
    if (!options.file.empty() || options.format == LogFormat::text)
      write_all(STDERR_FILENO, std::string(message) + "\n");
  } catch (...) {
  }
  try {
    log_line(spdlog::level::err, message);
  } catch (...) {
  }
}

void log_debug(std::string_view message) noexcept {
  if (!options.debug) return;
  try {
    if (options.file.empty() && options.format == LogFormat::text)
      write_all(STDERR_FILENO, std::string(message) + "\n");
    log_line(spdlog::level::debug, message);
  } catch (...) {
  }
}

} // namespace nacre::cli
