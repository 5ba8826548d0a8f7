// The machine: kernel, distribution, CPU, memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nacre::cli {

struct HostFacts {
  std::string kernel;       // uname -r
  std::string machine;      // uname -m
  std::string distribution; // PRETTY_NAME of os-release
  std::string cpu;          // model
  std::uint32_t cpus = 0;
  std::vector<std::string> cpu_flags; // only those that count for virtual machines
  std::uint64_t memory_mib = 0;
  std::uint64_t available_mib = 0;
};

// What cannot be found out stays empty or 0.
HostFacts host_facts();

} // namespace nacre::cli
