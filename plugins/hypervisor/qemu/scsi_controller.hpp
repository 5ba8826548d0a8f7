// The machine's one virtio SCSI controller: it is there from the first disk on that wants to be a SCSI disk,
// and gives each a target.
#pragma once

#include "place.hpp"

#include <nacre/sdk/device.hpp>

#include <boost/json/object.hpp>
#include <optional>
#include <set>

namespace nacre::qemu {

class ScsiController {
public:
  explicit operator bool() const { return place_.has_value(); }
  void sit_in(Place place) { place_ = std::move(place); }

  // The argument of -device and device_add; queues are those that the first disk asks for.
  boost::json::object device(const sdk::GuestDevice& first_disk) const;

  Place take_target();
  void release(const Place& target) { taken_.erase(target.slot); }

private:
  std::optional<Place> place_;
  std::set<std::uint32_t> taken_;
  std::uint32_t next_ = 0; // where to look first
};

} // namespace nacre::qemu
