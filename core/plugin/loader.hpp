// Loads one plugin file: trust walk, note, version rules, then the dynamic loader, then the descriptor.
#pragma once

#include "plugin/identity.hpp"
#include "plugin/load_result.hpp"
#include "plugin/trust_walk.hpp"

#include <nacre/plugin/descriptor.h>

#include <string>
#include <string_view>

namespace nacre::plugin {

// A plugin in this process. It is never unloaded: constant data, functions and exceptions of it stay valid,
// so a reference may be kept for ever. May be used from any thread.
class Plugin {
public:
  Plugin(Identity identity, std::string path, const nacre_plugin_descriptor& descriptor)
      : identity_(std::move(identity)), label_(identity_.label()), path_(std::move(path)),
        descriptor_(&descriptor) {}

  const Identity& identity() const noexcept { return identity_; }
  const std::string& name() const noexcept { return identity_.name; }
  const std::string& label() const noexcept {
    return label_;
  } // "hypervisor/qemu": in messages and crash lines
  const std::string& path() const noexcept { return path_; }
  Kind kind() const noexcept { return static_cast<Kind>(descriptor_->kind); }
  bool has(std::uint64_t capability) const noexcept {
    return (descriptor_->capabilities & capability) == capability;
  }
  std::uint64_t capabilities() const noexcept { return descriptor_->capabilities; }
  std::string build() const;
  // The description of its options: a JSON array (<nacre/plugin/descriptor.h>).
  std::string_view options_schema() const noexcept {
    return {descriptor_->options, descriptor_->options_len};
  }
  const void* ops() const noexcept { return descriptor_->ops; }

private:
  Identity identity_;
  std::string label_, path_;
  const nacre_plugin_descriptor* descriptor_;
};

// The first half: everything that can be known without running the plugin. Throws LoadError.
struct Inspected {
  Identity identity;
  TrustedFile file;
};
Inspected inspect(const std::string& path, Kind kind, const std::string& name,
                  const TrustRules& rules = TrustRules::of_this_process());

// The second half. What was inspected is loaded, by its real path, whatever the path that was asked for leads
// to meanwhile. Throws LoadError.
Plugin open(Inspected inspected, Kind kind, const std::string& name);

// Both halves. Throws LoadError. Registry::load() is what most callers want: it remembers.
Plugin load(const std::string& path, Kind kind, const std::string& name,
            const TrustRules& rules = TrustRules::of_this_process());

} // namespace nacre::plugin
