// Catch2 2.13 (Debian 12) and 3 (Debian 13) under one name: tests are written for 3.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)

#include <catch2/catch_all.hpp>

using Catch::Approx; // global in 2.13

#else

#include <catch2/catch.hpp>

#include <string>

namespace Catch::Matchers {
// The name that 3 gave to the matcher of a part of a string.
inline auto ContainsSubstring(const std::string& part) {
  return Contains(part);
}
} // namespace Catch::Matchers

#endif
