#include "shim/stdio.hpp"

#include "base/error.hpp"
#include "ttrpc/descriptors.hpp"

#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>

namespace nacre::shim {
namespace {

Error bad_uri(std::string_view uri, std::string_view cause) {
  return Error(ErrorCode::invalid_argument, "understand stdio URI", uri).because(cause);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decode(std::string_view text, std::string_view uri) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size() || hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0)
      throw bad_uri(uri, "% is not followed by two hex digits");
    out.push_back(static_cast<char>(hex_digit(text[i + 1]) << 4 | hex_digit(text[i + 2])));
    i += 2;
  }
  if (out.find('\0') != std::string::npos) throw bad_uri(uri, "it holds a zero byte");
  return out;
}

void parse_query(StdioUri& parsed, std::string_view query, std::string_view uri) {
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto item = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    if (item.empty()) continue;
    const auto equals = item.find('=');
    const auto value = equals == std::string_view::npos ? std::string_view() : item.substr(equals + 1);
    parsed.query.emplace_back(percent_decode(item.substr(0, equals), uri), percent_decode(value, uri));
  }
}

void parse_descriptor(StdioUri& parsed, std::string_view rest, std::string_view uri) {
  const auto slash = rest.find('/');
  if (slash != 32) throw bad_uri(uri, "fd:// wants fd://TOKEN/SLOT with a token of 32 hex digits");
  parsed.token = rest.substr(0, slash);
  const auto number = rest.substr(slash + 1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), parsed.slot);
  if (error != std::errc() || end != number.data() + number.size() || number.empty())
    throw bad_uri(uri, "the slot is no number");
}

bool is_fifo(const std::string& path) {
  struct stat status;
  check_errno(::stat(path.c_str(), &status), "open stdio fifo", path);
  return S_ISFIFO(status.st_mode);
}

UniqueFd open_path(const std::string& path, int flags, mode_t mode = 0) {
  return UniqueFd(check_errno(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode), "open stdio", path));
}

// Made by us, so O_NONBLOCK on it is ours; it was needed for the open only.
void set_blocking(const UniqueFd& fd) {
  const int flags = check_errno(::fcntl(fd.get(), F_GETFL), "read descriptor flags");
  check_errno(::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK), "set descriptor flags");
}

void open_input_fifo(const std::string& path, OpenedStdio& opened) {
  // Reading end first, without waiting for a writer; then our writing end does not wait either.
  opened.io.in = open_path(path, O_RDONLY | O_NONBLOCK);
  if (!is_fifo(path)) return;
  opened.stdin_keeper = open_path(path, O_WRONLY | O_NONBLOCK);
  set_blocking(opened.io.in);
}

UniqueFd open_output_fifo(const std::string& path, OpenedStdio& opened) {
  if (!is_fifo(path)) return open_path(path, O_WRONLY | O_APPEND);
  auto out = open_path(path, O_WRONLY);
  opened.output_keepers.push_back(open_path(path, O_RDONLY | O_NONBLOCK));
  return out;
}

UniqueFd open_file(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(),
                                      error); // the open says what is wrong
  return open_path(path, O_WRONLY | O_APPEND | O_CREAT, 0644);
}

UniqueFd take_slot(DescriptorBundle& bundle, const StdioUri& uri, std::string_view text) {
  const auto found = bundle.find(uri.slot);
  if (found == bundle.end() || !found->second)
    throw Error(ErrorCode::invalid_argument, "open stdio", text).because("its bundle has no such slot");
  return std::move(found->second);
}

UniqueFd open_output(const std::string& text, const StdioUri& uri, DescriptorBundle& bundle,
                     OpenedStdio& opened) {
  if (uri.scheme == "fd") return take_slot(bundle, uri, text);
  if (uri.scheme == "file") return open_file(uri.path);
  if (uri.scheme == "fifo") return open_output_fifo(uri.path, opened);
  throw bad_uri(text, "binary:// must be the URI of stdout");
}

void open_log_process(const StdioUri& uri, const LogProcess::Owner& owner, bool terminal,
                      OpenedStdio& opened) {
  opened.log_process = std::make_unique<LogProcess>(uri.path, uri.query, owner);
  opened.io.out = opened.log_process->take_stdout();
  opened.io.err = opened.log_process->take_stderr();
  if (terminal) opened.io.err.reset();
}

void open_outputs(const StdioUris& uris, DescriptorBundle& bundle, const LogProcess::Owner& owner,
                  OpenedStdio& opened) {
  std::string out_scheme;
  if (!uris.out.empty()) {
    const auto uri = parse_stdio_uri(uris.out);
    out_scheme = uri.scheme;
    // The log process takes both streams, whatever stderr names.
    if (out_scheme == "binary") return open_log_process(uri, owner, uris.terminal, opened);
    opened.io.out = open_output(uris.out, uri, bundle, opened);
  }
  if (uris.terminal) return;
  // containerd names a log file once, for both streams.
  const auto& err = uris.err.empty() && out_scheme == "file" ? uris.out : uris.err;
  if (!err.empty()) opened.io.err = open_output(err, parse_stdio_uri(err), bundle, opened);
}

} // namespace

StdioUri parse_stdio_uri(std::string_view text) {
  StdioUri parsed;
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) {
    if (text.empty() || text[0] != '/') throw bad_uri(text, "it is no absolute path");
    parsed.scheme = "fifo";
    parsed.path = text;
    return parsed;
  }
  parsed.scheme = text.substr(0, colon);
  auto rest = text.substr(colon + 3);
  if (parsed.scheme == "fd") {
    parse_descriptor(parsed, rest, text);
    return parsed;
  }
  if (parsed.scheme != "fifo" && parsed.scheme != "file" && parsed.scheme != "binary")
    throw bad_uri(text, "the scheme is not fifo, file, binary or fd");
  if (const auto question = rest.find('?'); question != std::string_view::npos) {
    parse_query(parsed, rest.substr(question + 1), text);
    rest = rest.substr(0, question);
  }
  parsed.path = percent_decode(rest, text);
  if (parsed.path.empty() || parsed.path[0] != '/') throw bad_uri(text, "its path is not absolute");
  return parsed;
}

std::string stdio_token(const StdioUris& uris) {
  std::string token;
  for (const auto* text : {&uris.in, &uris.out, &uris.err}) {
    if (!text->starts_with("fd://")) continue;
    const auto uri = parse_stdio_uri(*text);
    if (!token.empty() && token != uri.token)
      throw bad_uri(*text, "it names another bundle than the URI before it");
    token = uri.token;
  }
  return token;
}

OpenedStdio open_stdio(const StdioUris& uris, DescriptorBundle& bundle, const LogProcess::Owner& owner) {
  OpenedStdio opened;
  opened.io.terminal = uris.terminal;
  if (!uris.in.empty()) {
    const auto uri = parse_stdio_uri(uris.in);
    if (uri.scheme == "fd")
      opened.io.in = take_slot(bundle, uri, uris.in);
    else if (uri.scheme == "fifo")
      open_input_fifo(uri.path, opened);
    else
      throw bad_uri(uris.in, "stdin must be a fifo or a descriptor");
  }
  open_outputs(uris, bundle, owner, opened);
  return opened;
}

std::vector<UniqueFd> take_descriptors(DescriptorBundle& bundle, std::uint32_t count) {
  std::vector<UniqueFd> descriptors;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto found = bundle.find(ttrpc::slot_preserved + i);
    if (found == bundle.end() || !found->second)
      throw Error(ErrorCode::invalid_argument, "pass on descriptor", std::to_string(3 + i))
          .because("the bundle of descriptors has no such slot");
    descriptors.push_back(std::move(found->second));
  }
  return descriptors;
}

} // namespace nacre::shim
