// One device of the guest as QEMU makes it: a backend (share, disk, network) and a front end in a place of
// the guest; at boot by the command line, later by QMP.
#pragma once

#include "arguments.hpp"
#include "place.hpp"

#include <nacre/sdk/device.hpp>

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::qemu {

// QEMU's ids start with a letter, ours may start with a digit.
std::string qemu_id(std::string_view device_id);
// The device's id of a front end's; "" when it is none of ours.
std::string device_id_of(std::string_view qemu_id);

// NACRE_E_UNSUPPORTED for a kind or host end that this plugin does not know, NACRE_E_INVALID_ARGUMENT for a
// bad id, tag or option.
void check_device(const sdk::GuestDevice& guest, const sdk::HostEnd& host);

// One QMP command.
struct QmpStep {
  std::string command;
  boost::json::object arguments;
  sdk::Fd fd; // rides along
};

// Adds the device to the command line. Returns what is left to do when its front end has gone, in order.
std::vector<QmpStep> add_at_boot(Arguments& arguments, const sdk::GuestDevice& guest, sdk::HostEnd host,
                                 const Place& place);

// How a device is added to a running machine: the commands in order, each with the one that takes it back
// (without a command: none is needed). The last is device_add.
struct HotAdd {
  QmpStep step;
  QmpStep back;
};
std::vector<HotAdd> add_while_running(const sdk::GuestDevice& guest, sdk::HostEnd host, const Place& place,
                                      std::uint32_t fdset);

} // namespace nacre::qemu
