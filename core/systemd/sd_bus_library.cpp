#include "systemd/sd_bus_library.hpp"

#include "base/error.hpp"

#define BOOST_DLL_USE_STD_FS
#include <boost/dll/shared_library.hpp>
#include <type_traits>

namespace nacre::systemd {
namespace {

constexpr const char* soname = "libsystemd.so.0";

template <typename Function>
void find(const boost::dll::shared_library& library, Function& to, const char* name) {
  to = library.get<std::remove_pointer_t<Function>>(name);
}

SdBusLibrary open() {
  using boost::dll::load_mode::rtld_local, boost::dll::load_mode::rtld_lazy,
      boost::dll::load_mode::search_system_folders;
  SdBusLibrary found;
  try {
    // Leaked, as everything is that may still be called at exit.
    const auto& library =
        *new boost::dll::shared_library(soname, rtld_lazy | rtld_local | search_system_folders);
    find(library, found.bus_new, "sd_bus_new");
    find(library, found.open_system, "sd_bus_open_system");
    find(library, found.set_address, "sd_bus_set_address");
    find(library, found.set_fd, "sd_bus_set_fd");
    find(library, found.start, "sd_bus_start");
    find(library, found.close_unref, "sd_bus_flush_close_unref");
    find(library, found.match_signal, "sd_bus_match_signal");
    find(library, found.process, "sd_bus_process");
    find(library, found.wait, "sd_bus_wait");
    find(library, found.call, "sd_bus_call");
    find(library, found.call_method, "sd_bus_call_method");
    find(library, found.new_method_call, "sd_bus_message_new_method_call");
    find(library, found.append, "sd_bus_message_append");
    find(library, found.open_container, "sd_bus_message_open_container");
    find(library, found.close_container, "sd_bus_message_close_container");
    find(library, found.read, "sd_bus_message_read");
    find(library, found.unref, "sd_bus_message_unref");
    find(library, found.error_free, "sd_bus_error_free");
  } catch (const std::exception& error) {
    throw Error(ErrorCode::unavailable, "load the library", soname)
        .because(error)
        .hint("install systemd's library (libsystemd0), or let the engine use the cgroupfs driver");
  }
  return found;
}

} // namespace

const SdBusLibrary& SdBusLibrary::load() {
  static const SdBusLibrary library = open();
  return library;
}

} // namespace nacre::systemd
