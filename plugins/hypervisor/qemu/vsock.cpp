#include "vsock.hpp"

#include <nacre/sdk/error.hpp>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/random.h>

namespace nacre::qemu {
namespace {

// linux/vhost.h, which is no C++
constexpr unsigned long set_guest_cid = _IOW(0xAF, 0x60, std::uint64_t);
constexpr char device_path[] = "/dev/vhost-vsock";
constexpr std::uint32_t lowest_cid = 3; // 0 to 2 are the hypervisor, loopback and the host
constexpr int attempts = 64; // of 2^31 addresses: never needed on a host with fewer than millions of guests

std::uint32_t random_cid() {
  std::uint32_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number)
    throw sdk::Error::from_errno(errno, "draw a vsock address");
  return (number >> 1) + lowest_cid; // below 2^32 - 1, which means "any"
}

} // namespace

bool has_vsock() {
  return static_cast<bool>(sdk::Fd(::open(device_path, O_RDWR | O_CLOEXEC)));
}

Vsock open_vsock() {
  Vsock vsock{sdk::Fd(sdk::check_errno(::open(device_path, O_RDWR | O_CLOEXEC), "open \"/dev/vhost-vsock\"")),
              0};
  for (int attempt = 0; attempt < attempts; ++attempt) {
    std::uint64_t cid = vsock.cid = random_cid();
    if (::ioctl(vsock.device.get(), set_guest_cid, &cid) == 0) return vsock;
    if (errno != EADDRINUSE) throw sdk::Error::from_errno(errno, "give the guest a vsock address");
  }
  throw sdk::Error(NACRE_E_EXHAUSTED, "no free vsock address was found for the guest");
}

} // namespace nacre::qemu
