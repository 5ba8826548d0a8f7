// What `nacre` says: results on stdout, errors on stderr and in the file of --log.
#pragma once

#include <string>
#include <string_view>

namespace nacre::cli {

// To stdout; throws Error when it cannot be written (a full disk, a closed pipe).
void print(std::string_view text);

enum class LogFormat { text, json };

struct LogOptions {
  std::string file; // "": stderr only
  LogFormat format = LogFormat::text;
  bool debug = false;
};

// Remembers where to log. Nothing is opened before the first line.
void set_log(LogOptions options);

// One error, in the form that engines read: {"level":"error","msg":...,"time":...} with --log-format json.
// Never throws: there is nothing more to say when even this fails.
void log_error(std::string_view message) noexcept;
// Only with --debug.
void log_debug(std::string_view message) noexcept;

} // namespace nacre::cli
