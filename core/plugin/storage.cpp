#include "plugin/storage.hpp"

#include "plugin/operation.hpp"

namespace nacre::plugin {
namespace {

const nacre_storage_ops& table(const Plugin& plugin) {
  return *static_cast<const nacre_storage_ops*>(plugin.ops());
}

} // namespace

#define HAS(member) NACRE_HAS_FUNCTION(&table(*plugin_), nacre_storage_ops, member)

Storage::Storage(const Plugin& plugin, HostEnvironment& environment, const Limits& limits,
                 const std::string& options)
    : plugin_(&plugin), host_(std::make_unique<HostServices>(environment, plugin)) {
  if (plugin.kind() != Kind::storage)
    throw Error(ErrorCode::invalid_argument, "use plugin", plugin.label()).because("it is no storage plugin");
  handle_.reset(create_with<nacre_storage_ops, nacre_store>(plugin, *host_, limits, options));
}

Storage& Storage::operator=(Storage&& other) noexcept {
  if (this != &other) {
    destroy();
    plugin_ = other.plugin_;
    host_ = std::move(other.host_);
    handle_ = std::move(other.handle_);
  }
  return *this;
}

Storage::~Storage() {
  destroy();
}

void Storage::destroy() noexcept {
  if (!handle_) return;
  const CurrentOperation current(plugin_->label().c_str(), "destroy the handle");
  table(*plugin_).destroy(handle_.release());
}

Probe Storage::probe(const Plugin& plugin, HostEnvironment& environment, const Limits& limits,
                     const std::string& options) {
  return probe_with<nacre_storage_ops>(plugin, environment, limits, options);
}

DeviceNeeds Storage::needs() {
  Operation operation(*plugin_, "ask for needed devices");
  DeviceNeeds needs;
  if (!HAS(needs)) return needs;
  operation.run([&](nacre_error* e) {
    return table(*plugin_).needs(handle_.get(), &needs.cold_kinds, &needs.hot_kinds, e);
  });
  return needs;
}

Claim Storage::claim(const MountRequest& request) {
  Operation operation(*plugin_, "offer a mount");
  operation.need(HAS(claim));
  sdk::Arena arena;
  std::uint32_t taken = 0;
  char reason[512] = "";
  operation.run([&](nacre_error* e) {
    return table(*plugin_).claim(handle_.get(), sdk::to_c(request, arena), &taken, reason, sizeof reason, e);
  });
  reason[sizeof reason - 1] = '\0';
  return {taken != 0, reason};
}

StoragePlan Storage::prepare(const Limits& limits, const StoragePod& pod) {
  Operation operation(*plugin_, "prepare the pod's storage", limits, host_.get());
  if (!HAS(prepare)) return {};
  sdk::Arena arena;
  FdRoom fds;
  auto raw = room<nacre_storage_plan>();
  operation.run([&](nacre_error* e) {
    return table(*plugin_).prepare(handle_.get(), operation.call(), sdk::to_c(pod, arena), &raw, fds.raw(),
                                   e);
  });
  sdk::ReceivedFds received = fds.take();
  return sdk::from_c(raw, received);
}

Attachment Storage::attach(const Limits& limits, const MountRequest& request) {
  Operation operation(*plugin_, "attach a mount", limits, host_.get());
  operation.need(HAS(attach));
  sdk::Arena arena;
  FdRoom fds;
  nacre_attachment* handle = nullptr;
  auto raw = room<nacre_attach_result>();
  operation.run([&](nacre_error* e) {
    return table(*plugin_).attach(handle_.get(), operation.call(), sdk::to_c(request, arena), &handle, &raw,
                                  fds.raw(), e);
  });
  Attachment attachment(*plugin_, host_.get(), handle);
  sdk::ReceivedFds received = fds.take();
  attachment.result = sdk::from_c(raw, received);
  return attachment;
}

void Storage::release(const Limits& limits) {
  Operation operation(*plugin_, "release the pod's storage", limits, host_.get());
  if (!HAS(release)) return;
  operation.run([&](nacre_error* e) { return table(*plugin_).release(handle_.get(), operation.call(), e); });
}

Attachment::~Attachment() {
  detach_quietly();
}

Attachment& Attachment::operator=(Attachment&& other) noexcept {
  if (this != &other) {
    detach_quietly();
    result = std::move(other.result);
    plugin_ = other.plugin_;
    host_ = other.host_;
    handle_ = std::move(other.handle_);
  }
  return *this;
}

void Attachment::detach(const Limits& limits) {
  if (!handle_) return;
  Operation operation(*plugin_, "detach a mount", limits, host_);
  operation.need(HAS(detach));
  operation.run(
      [&](nacre_error* e) { return table(*plugin_).detach(handle_.release(), operation.call(), e); });
}

void Attachment::detach_quietly() noexcept {
  try {
    detach(Limits::none());
  } catch (const std::exception& error) {
    host_->warn(error.what());
  }
}

#undef HAS

} // namespace nacre::plugin
