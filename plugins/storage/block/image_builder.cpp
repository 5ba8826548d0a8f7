#include "image_builder.hpp"

#include "program.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nacre::block {
namespace {

using sdk::Error;
using sdk::Fd;

constexpr int image_fd = 3;

// The builder sees the folder or file at another place, without what hides it, and cannot write into it.
Fd clone_tree(const std::string& folder, bool submounts) {
  const unsigned recursive = submounts ? static_cast<unsigned>(AT_RECURSIVE) : 0u;
  const long tree =
      ::syscall(SYS_open_tree, AT_FDCWD, folder.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
  if (tree < 0) throw Error::from_errno(errno, "read \"" + folder + "\" for an image");
  Fd owned(static_cast<int>(tree));
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME;
  attributes.attr_clr = MOUNT_ATTR__ATIME;
  attributes.propagation = MS_PRIVATE;
  if (::syscall(SYS_mount_setattr, owned.get(), "", AT_EMPTY_PATH | recursive, &attributes,
                sizeof attributes) < 0)
    throw Error::from_errno(errno, "make \"" + folder + "\" read-only for an image");
  return owned;
}

// Returns where the content is.
std::string show_content(sdk::Spawn& builder, const ImageContent& content, const std::string& place) {
  const std::string root = place + "/content";
  if (content.is_file) {
    builder.mounts.push_back({root, {}, "tmpfs", "mode=0755"});
    builder.mounts.push_back({root + "/" + name_in_image, clone_tree(content.folders[0], false), {}, {}});
    return root;
  }
  if (content.folders.size() == 1) {
    builder.mounts.push_back({root, clone_tree(content.folders[0], content.submounts), {}, {}});
    return root;
  }
  std::string layers;
  for (const auto& folder : content.folders) {
    const std::string layer = place + "/" + std::to_string(builder.mounts.size());
    builder.mounts.push_back({layer, clone_tree(folder, false), {}, {}});
    layers += (layers.empty() ? "lowerdir=" : ":") + layer;
  }
  for (const auto& option : content.options)
    layers += "," + option;
  builder.mounts.push_back({root, {}, "overlay", layers});
  return root;
}

} // namespace

std::string find_image_program() {
  return find_program("mkfs.erofs");
}

void ImageBuilder::build(const sdk::Call& call, const ImageContent& content, const std::string& uuid,
                         int file) const {
  sdk::Spawn builder;
  builder.role = "image-builder";
  builder.in_pod_mounts = true;
  // As the time of the image itself this is the latest that fits; files with a later one would get it.
  builder.env = {"SOURCE_DATE_EPOCH=4294967295", "LC_ALL=C"};
  builder.fds.push_back({duplicate(file), image_fd});
  const std::string root = show_content(builder, content, host_.pod_folder().path);
  builder.argv = {need_program("mkfs.erofs", "erofs-utils"),   "--quiet", "-U", uuid,
                  "/proc/self/fd/" + std::to_string(image_fd), root};
  run_to_success(host_, call, std::move(builder), "make an image of \"" + content.folders[0] + "\"");
}

} // namespace nacre::block
