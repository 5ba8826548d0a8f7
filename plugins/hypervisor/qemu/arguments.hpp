// QEMU's command line in the making: words, and the descriptors that they name by number.
#pragma once

#include <nacre/sdk/fd.hpp>
#include <nacre/sdk/host.hpp>

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::qemu {

class Arguments {
public:
  explicit Arguments(std::string program) { words_.push_back(std::move(program)); }

  void add(std::string option) { words_.push_back(std::move(option)); }
  void add(std::string option, std::string value);
  void add(std::string option,
           const boost::json::object& value); // -device, -blockdev, -netdev and -object take JSON

  // The descriptor's number in QEMU.
  std::uint32_t pass(sdk::Fd fd);
  // The same as the only member of a new fdset; its number. QEMU wants the access mode of the descriptor to
  // be the one that it opens the fdset with, so the descriptor is opened anew when it differs.
  std::uint32_t pass_as_fdset(sdk::Fd fd, int access_mode);

  const std::vector<std::string>& words() const { return words_; }
  std::vector<std::string> take_words() { return std::move(words_); }
  std::vector<sdk::Spawn::Passed> take_fds() { return std::move(fds_); }

private:
  std::vector<std::string> words_;
  std::vector<sdk::Spawn::Passed> fds_;
};

// The path under which QEMU opens an fdset's file.
std::string fdset_path(std::uint32_t fdset);
// A value inside QEMU's key=value lists: commas are doubled.
std::string quoted(std::string_view value);
// `fd`, or the same file opened with `access_mode` (O_RDONLY, O_WRONLY, O_RDWR).
sdk::Fd with_access_mode(sdk::Fd fd, int access_mode);

} // namespace nacre::qemu
