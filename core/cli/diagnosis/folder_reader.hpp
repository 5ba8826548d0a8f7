// Reads small files out of one folder and never leaves it: no link is followed, nothing but a regular file
// with one name is read, and no fifo can make the reader wait.
#pragma once

#include "base/unique_fd.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace nacre::cli {

class FolderReader {
public:
  explicit FolderReader(const std::string& path); // the folder's own path may have links; throws Error

  struct Entry {
    std::string name;
    bool is_folder = false;
    bool is_file = false;
    std::uint64_t size = 0;
    std::string mode; // "-rw-------"
  };
  // Of the folder `name` below ("." for itself), in the order of the names; throws Error.
  std::vector<Entry> entries(const std::string& name = ".") const;
  bool has(const std::string& name) const;

  // The last `most` bytes of the file. Throws Error, not_found when there is none.
  struct Tail {
    std::string text;
    std::uint64_t left_out = 0; // bytes before it
  };
  Tail tail(const std::string& name, std::size_t most) const;

private:
  UniqueFd open(const std::string& name, int flags) const;
  std::string path_;
  UniqueFd folder_;
};

} // namespace nacre::cli
