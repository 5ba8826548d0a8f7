#include "scsi_controller.hpp"

#include <nacre/sdk/options.hpp>

namespace nacre::qemu {
namespace {

constexpr const char* controller_id = "scsi";
constexpr std::uint32_t end_target = 256; // virtio 1.2, 5.6.6.1: a target is one byte

} // namespace

boost::json::object ScsiController::device(const sdk::GuestDevice& first_disk) const {
  auto device = virtio_device("virtio-scsi", controller_id, *place_);
  device["num_queues"] = first_disk.queues;
  const sdk::Options options(first_disk.options);
  if (options.has("queue_size")) device["virtqueue_size"] = options.integer("queue_size");
  return device;
}

Place ScsiController::take_target() {
  if (taken_.size() == end_target)
    throw sdk::Error(NACRE_E_EXHAUSTED, "the guest's SCSI controller has no room for a further disk");
  // Not the one that was freed last: QEMU waits for no guest here, and that one may still show the old disk.
  while (taken_.contains(next_))
    next_ = (next_ + 1) % end_target;
  const auto target = next_;
  next_ = (next_ + 1) % end_target;
  taken_.insert(target);
  Place place{std::string(controller_id) + ".0", target,
              "scsi:" + place_->guest + ":" + std::to_string(target), Place::Transport::scsi};
  place.hot_pluggable = place_->removable();
  return place;
}

} // namespace nacre::qemu
