// The functions of libsystemd that are used here (sd-bus(3)), found in the library when the first bus is
// opened.
#pragma once

#include <systemd/sd-bus.h>

namespace nacre::systemd {

struct SdBusLibrary {
  decltype(&::sd_bus_new) bus_new;
  decltype(&::sd_bus_open_system) open_system;
  decltype(&::sd_bus_set_address) set_address;
  decltype(&::sd_bus_set_fd) set_fd;
  decltype(&::sd_bus_start) start;
  decltype(&::sd_bus_flush_close_unref) close_unref;
  decltype(&::sd_bus_match_signal) match_signal;
  decltype(&::sd_bus_process) process;
  decltype(&::sd_bus_wait) wait;
  decltype(&::sd_bus_call) call;
  decltype(&::sd_bus_call_method) call_method;
  decltype(&::sd_bus_message_new_method_call) new_method_call;
  decltype(&::sd_bus_message_append) append;
  decltype(&::sd_bus_message_open_container) open_container;
  decltype(&::sd_bus_message_close_container) close_container;
  decltype(&::sd_bus_message_read) read;
  decltype(&::sd_bus_message_unref) unref;
  decltype(&::sd_bus_error_free) error_free;

  // Throws Error where there is no libsystemd. From any thread; never unloaded.
  static const SdBusLibrary& load();
};

} // namespace nacre::systemd
