#pragma once

namespace nacre::agent {

inline constexpr const char* agent_version = NACRE_AGENT_VERSION; // the project's, from the build

} // namespace nacre::agent
