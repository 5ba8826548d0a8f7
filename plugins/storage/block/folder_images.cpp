#include "folder_images.hpp"

#include "layer_identity.hpp"
#include "writable_layer.hpp"

#include <algorithm>
#include <filesystem>
#include <sys/stat.h>

namespace nacre::block {
namespace {

using sdk::AttachResult;
using sdk::Claim;
using sdk::Error;
using sdk::Fd;
using sdk::MountRequest;

constexpr std::uint64_t default_disk_mib = 10240;

struct stat status_of(const std::string& path) {
  struct stat status {};
  sdk::check_errno(::stat(path.c_str(), &status), "look at \"" + path + "\"");
  return status;
}

// Engines' /etc/hosts and the like, of which nobody expects back what the container writes.
bool is_copied(const struct stat& status) {
  return S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) <= NACRE_COPY_BYTES_MAX;
}

// An upper layer in which nothing was written yet, and whose root is that of the layer below.
bool adds_nothing(const std::string& upper, const std::string& below) {
  if (!std::filesystem::is_empty(upper)) return false;
  const auto a = status_of(upper), b = status_of(below);
  return a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid;
}

// Engines give every container a lower layer of its own with a handful of files. To make an image of such a
// one costs no more than to find it, and kept ones would only fill the cache.
bool is_small(const std::string& folder) {
  constexpr unsigned most_entries = 32;
  constexpr std::uint64_t most_bytes = 128 * 1024;
  unsigned entries = 0;
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    // Of the entry itself: an image may have links that lead in circles.
    if (entry.symlink_status().type() == std::filesystem::file_type::regular) bytes += entry.file_size();
    if (++entries > most_entries || bytes > most_bytes) return false;
  }
  return true;
}

std::string identity_of(const ImageContent& content) {
  std::string identity = "erofs 1\n"; // to be counted up when images are made otherwise
  for (const auto& folder : content.folders)
    identity += identity_of_layer(folder);
  for (const auto& option : content.options)
    identity += option + "\n";
  return identity;
}

} // namespace

// Disks and mounts of one attachment, from the top layer down.
struct FolderImages::Stack {
  explicit Stack(unsigned number) : number(std::to_string(number)) { result.how = NACRE_ATTACH_DEVICE; }

  std::string place(const std::string& name) const { return "/run/nacre/images/" + number + "/" + name; }

  std::string add_disk(const std::string& name, Fd file, bool read_only) {
    sdk::Device disk;
    disk.guest.kind = NACRE_DEVICE_BLOCK;
    disk.guest.id = "image" + number + "-" + name;
    disk.guest.read_only = read_only;
    disk.host.kind = NACRE_END_FDS;
    disk.host.fds.push_back(std::move(file));
    // What the guest asks to be kept goes with the virtual machine all the same.
    if (!read_only) disk.guest.options = R"({"cache_noflush":true})";
    result.devices.push_back(std::move(disk));
    return "device:" + result.devices.back().guest.id;
  }

  void add_image(Fd image) {
    const std::string name = std::to_string(images.size());
    const std::string source = add_disk(name, std::move(image), true);
    images.push_back(place(name));
    result.mounts.push_back({"block", source, "erofs", images.back(), {"ro"}});
  }

  void add_overlay(const std::string& writable, const std::vector<std::string>& options) {
    std::string lower = "lowerdir=";
    for (const auto& image : images)
      lower += (image == images.front() ? "" : ":") + image;
    std::vector<std::string> all = {lower, "upperdir=" + writable + "/upper",
                                    "workdir=" + writable + "/work"};
    all.insert(all.end(), options.begin(), options.end());
    result.mounts.push_back({"overlay", "overlay", "overlay", "", std::move(all)});
  }

  std::string number;
  std::vector<std::string> images; // where they are mounted
  std::vector<std::string> options;
  AttachResult result;
};

FolderImages::FolderImages(sdk::Host host, ImageSettings settings)
    : host_(host), settings_(std::move(settings)), builder_(host) {}

Claim FolderImages::claim(const MountRequest& request) const {
  if (!settings_.folders) return Claim::no("image_folders is false");
  if (!request.last_resort) return Claim::no("it is no disk, and another plugin may share it as it is");
  const auto status = status_of(request.source);
  if (is_copied(status)) return Claim::yes();
  if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))
    return Claim::no("images hold folders and files only");
  if (request.is_rootfs || request.read_only || settings_.copy_volumes) return Claim::yes();
  return Claim::no(
      std::string("the container may write to this ") + (S_ISDIR(status.st_mode) ? "folder" : "file") +
      ", and what it writes to an image is lost; mount it read-only, or set copy_folder_volumes");
}

AttachResult FolderImages::attach(const sdk::Call& call, const MountRequest& request) {
  const Claim answer = claim(request);
  if (!answer.taken)
    throw Error(NACRE_E_UNSUPPORTED,
                "cannot copy \"" + request.source + "\" into the guest: " + answer.reason);
  const auto status = status_of(request.source);
  if (S_ISDIR(status.st_mode)) return attach_folder(call, request);
  if (!is_copied(status)) return attach_file(call, request);
  host_.debug("container " + request.container_id + " has a copy of \"" + request.source + "\" at \"" +
              request.destination + "\"");
  AttachResult result;
  result.how = NACRE_ATTACH_COPY;
  return result;
}

AttachResult FolderImages::attach_folder(const sdk::Call& call, const MountRequest& request) {
  Stack stack(next_++);
  if (const auto layers = request.is_rootfs ? layers_of(request.source) : std::nullopt)
    add_layers(stack, call, *layers);
  else
    add_folder(stack, call, request);
  if (request.is_rootfs || !request.read_only)
    add_writable(stack, call, request);
  else
    stack.result.mounts.back().mount_point.clear(); // what the container sees is the image itself
  return std::move(stack.result);
}

// An image of its own, out of which the file is bound.
AttachResult FolderImages::attach_file(const sdk::Call& call, const MountRequest& request) {
  Stack stack(next_++);
  stack.add_image(own_image(call, {.folders = {request.source}, .options = {}, .is_file = true}));
  std::string folder = stack.images.front();
  if (!request.read_only) {
    add_writable(stack, call, request);
    folder = stack.result.mounts.back().mount_point = stack.place("merged");
  }
  stack.result.mounts.push_back({"bind", folder + "/" + name_in_image, "bind", "", {}});
  return std::move(stack.result);
}

void FolderImages::add_layers(Stack& stack, const sdk::Call& call, const Layers& layers) {
  stack.options = layers.options;
  if (!layers.upper.empty() && !adds_nothing(layers.upper, layers.lower.front()))
    stack.add_image(own_image(call, {{layers.upper}, {}, false}));
  const std::size_t single =
      layers.lower.size() <= settings_.disks ? layers.lower.size() : settings_.disks - 1;
  for (std::size_t i = 0; i < single; ++i)
    stack.add_image(layer_image(call, layers.lower[i]));
  if (single == layers.lower.size()) return;
  const auto rest = layers.lower.begin() + static_cast<std::ptrdiff_t>(single);
  stack.add_image(cached_image(call, {{rest, layers.lower.end()}, layers.options, false}));
}

void FolderImages::add_folder(Stack& stack, const sdk::Call& call, const MountRequest& request) {
  const bool submounts = request.is_rootfs || request.has_option("rbind");
  stack.add_image(own_image(call, {{request.source}, {}, submounts}));
}

// A root file system that the container sees read-only is written to by crun, which makes mount points in it.
void FolderImages::add_writable(Stack& stack, const sdk::Call& call, const MountRequest& request) {
  const std::string place = stack.place("writable");
  if (settings_.write_to_memory || request.read_only) {
    std::vector<std::string> options;
    if (settings_.writable_mib != 0)
      options.push_back("size=" + std::to_string(settings_.writable_mib) + "m");
    stack.result.mounts.push_back({"tmpfs", "tmpfs", "tmpfs", place, std::move(options)});
  } else {
    const auto source = stack.add_disk("w", writable_disk(call), false);
    stack.result.mounts.push_back({"block", source, "ext4", place, {}});
  }
  stack.add_overlay(place, stack.options);
  if (request.read_only) return;
  const std::string who = "container " + request.container_id;
  if (request.is_rootfs)
    host_.info(who +
               ": what it writes ends with it, and nothing on the host sees it (docker cp, diff and commit), "
               "since its root file system is an image in the guest");
  else
    host_.warning(who + ": what it writes to \"" + request.destination +
                  "\" is lost, since it has a copy of \"" + request.source + "\" (copy_folder_volumes)");
}

Fd FolderImages::layer_image(const sdk::Call& call, const std::string& layer) {
  const ImageContent content{{layer}, {}, false};
  return is_small(layer) ? own_image(call, content) : cached_image(call, content);
}

Fd FolderImages::cached_image(const sdk::Call& call, const ImageContent& content) {
  return cache().get(call, identity_of(content), [&](const std::string& uuid, int file) {
    host_.info("making an image of \"" + content.folders.front() + "\"" +
               (content.folders.size() > 1
                    ? " and " + std::to_string(content.folders.size() - 1) + " layers below"
                    : ""));
    builder_.build(call, content, uuid, file);
  });
}

// Nobody else gets it: its content may change at any time, or is not worth keeping.
Fd FolderImages::own_image(const sdk::Call& call, const ImageContent& content) {
  Fd image;
  cache().with_room([&] {
    const Fd file = folder_->unnamed_file();
    builder_.build(call, content, uuid_of(content.folders.front()), file.get());
    image = reopen_read_only(file.get());
  });
  return image;
}

Fd FolderImages::writable_disk(const sdk::Call& call) {
  const auto mib = settings_.writable_mib == 0 ? default_disk_mib : settings_.writable_mib;
  Fd disk;
  cache().with_room([&] { disk = make_writable_disk(host_, call, *folder_, mib); });
  return disk;
}

// The folder is made when the first image is wanted.
const ImageCache& FolderImages::cache() {
  if (!cache_) {
    folder_ = std::make_unique<ImageFolder>(settings_.cache_dir);
    cache_ = std::make_unique<ImageCache>(*folder_, settings_.cache_bytes);
  }
  return *cache_;
}

} // namespace nacre::block
