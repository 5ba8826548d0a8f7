// Images that containers share. One that is in use is never removed; the others are, the longest unused
// first, when all together are larger than the limit.
//
// An image is a file <uuid>.erofs that appears whole: it is written without a name and gets one when it is on
// the disk, so a builder that is killed leaves nothing. In use means a shared flock(2), held by the open file
// description that get() returns and that the VMM inherits: it ends with the last of them, whoever dies.
#pragma once

#include "image_folder.hpp"

#include <nacre/sdk/host.hpp>

#include <functional>
#include <string>

namespace nacre::block {

class ImageCache {
public:
  // `limit`: bytes on the disk.
  ImageCache(const ImageFolder& folder, std::uint64_t limit) : folder_(folder), limit_(limit) {}

  using Build = std::function<void(const std::string& uuid, int file)>;

  // The image of what `identity` names, open for reading. Where there is none `build` makes it; who asks for
  // the same meanwhile, in this process or another, waits for that.
  sdk::Fd get(const sdk::Call& call, const std::string& identity, const Build& build) const;

  // Does the work, and does it again with the room of unused images when the disk is full.
  void with_room(const std::function<void()>& work) const;

  // Removes unused images, the longest unused first, until all are at most `limit` bytes. Returns how many.
  unsigned collect(std::uint64_t limit) const;

private:
  sdk::Fd find(const std::string& name) const;
  sdk::Fd make(const std::string& uuid, const Build& build) const;

  const ImageFolder& folder_;
  std::uint64_t limit_;
};

// The UUID that stands for `identity`, as text.
std::string uuid_of(const std::string& identity);

} // namespace nacre::block
