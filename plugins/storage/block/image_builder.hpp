// Makes read-only images (erofs) of folders, by Debian's mkfs.erofs in a process of its own.
#pragma once

#include <nacre/sdk/host.hpp>

#include <string>
#include <vector>

namespace nacre::block {

// What an image is made of.
struct ImageContent {
  std::vector<std::string> folders; // several: layers, the top one first, merged as an overlay shows them
  std::vector<std::string> options; // of that overlay
  bool submounts = false;           // what is mounted below the folder is content too
  bool is_file = false;             // the one of `folders` is a file: `name_in_image` in the image's root
};

inline constexpr const char* name_in_image = "file";

class ImageBuilder {
public:
  explicit ImageBuilder(sdk::Host host) : host_(host) {}

  // Writes into `file`, which is empty and open for writing. The same content under the same `uuid` gives
  // the same bytes, as long as the files' own times are the same. Throws with ENOSPC where the disk is full.
  void build(const sdk::Call& call, const ImageContent& content, const std::string& uuid, int file) const;

private:
  sdk::Host host_;
};

// The program; "" when it is not installed.
std::string find_image_program();

} // namespace nacre::block
