#include "shim/log.hpp"

#include "base/unique_fd.hpp"

#include <fcntl.h>
#include <memory>
#include <mutex>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace nacre::shim {
namespace {

// spdlog's own file sinks buffer in stdio, which loses the last lines of a killed process.
class DescriptorSink : public spdlog::sinks::base_sink<std::mutex> {
public:
  explicit DescriptorSink(UniqueFd fd) : fd_(std::move(fd)) {}

protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    [[maybe_unused]] const auto written = ::write(fd_.get(), line.data(), line.size());
  }
  void flush_() override {}

private:
  UniqueFd fd_;
};

// The message with quotes, backslashes and line ends escaped, for logrus' text form.
class EscapedMessage : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    for (const char c : message.payload) {
      if (c == '"' || c == '\\') out.push_back('\\');
      if (c == '\n') {
        out.push_back('\\');
        out.push_back('n');
      } else {
        out.push_back(c);
      }
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<EscapedMessage>(); }
};

void use(std::shared_ptr<spdlog::sinks::sink> sink, LogForm form, bool debug) {
  auto logger = std::make_shared<spdlog::logger>("", std::move(sink));
  if (form == LogForm::logrus) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<EscapedMessage>('*').set_pattern(
        "time=\"%Y-%m-%dT%H:%M:%S.%f%z\" level=%l msg=\"%*\"");
    logger->set_formatter(std::move(formatter));
  } else {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  }
  logger->set_level(debug ? spdlog::level::debug : spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

} // namespace

int log_to(const std::string& path, LogForm form, bool debug) {
  UniqueFd fd(
      ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW, 0600));
  const int number = fd.get();
  if (fd)
    use(std::make_shared<DescriptorSink>(std::move(fd)), form, debug);
  else
    use(std::make_shared<spdlog::sinks::null_sink_mt>(), form, debug);
  return number;
}

void log_to_stderr(bool debug) {
  use(std::make_shared<DescriptorSink>(UniqueFd(::dup(STDERR_FILENO))), LogForm::text, debug);
}

} // namespace nacre::shim
