// The right to build one image, among all processes of the host.
#pragma once

#include "image_folder.hpp"

#include <nacre/sdk/host.hpp>

#include <string>

namespace nacre::block {

class BuildLock {
public:
  // Waits until nobody else has it. It ends with this object, or with the process.
  BuildLock(const sdk::Call& call, const ImageFolder& folder, const std::string& uuid);

private:
  sdk::Fd lock_;
};

} // namespace nacre::block
