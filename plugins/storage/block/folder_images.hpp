// Folders of the host as disks of the guest: read-only images of them, and above these a layer for what the
// container writes, put together in the guest by an overlay mount.
#pragma once

#include "image_builder.hpp"
#include "image_cache.hpp"
#include "image_settings.hpp"
#include "layers.hpp"

#include <nacre/sdk/storage.hpp>

#include <memory>
#include <vector>

namespace nacre::block {

class FolderImages {
public:
  FolderImages(sdk::Host host, ImageSettings settings);

  // Of folders and regular files.
  sdk::Claim claim(const sdk::MountRequest& request) const;
  sdk::AttachResult attach(const sdk::Call& call, const sdk::MountRequest& request);

private:
  struct Stack;
  sdk::AttachResult attach_folder(const sdk::Call& call, const sdk::MountRequest& request);
  sdk::AttachResult attach_file(const sdk::Call& call, const sdk::MountRequest& request);
  void add_layers(Stack& stack, const sdk::Call& call, const Layers& layers);
  void add_folder(Stack& stack, const sdk::Call& call, const sdk::MountRequest& request);
  void add_writable(Stack& stack, const sdk::Call& call, const sdk::MountRequest& request);
  sdk::Fd layer_image(const sdk::Call& call, const std::string& layer);
  sdk::Fd cached_image(const sdk::Call& call, const ImageContent& content);
  sdk::Fd own_image(const sdk::Call& call, const ImageContent& content);
  sdk::Fd writable_disk(const sdk::Call& call);
  const ImageCache& cache();

  sdk::Host host_;
  ImageSettings settings_;
  ImageBuilder builder_;
  std::unique_ptr<ImageFolder> folder_; // both: none before the first image
  std::unique_ptr<ImageCache> cache_;
  unsigned next_ = 0; // of the attachments, for names in the guest
};

} // namespace nacre::block
