// The keys of Kata Containers' configuration that Nacre does not honour yet. They are refused by name, since
// a user who brings a Kata file must learn which of its lines would have no effect.
#pragma once

#include <string>
#include <string_view>

namespace nacre::config {

// The refusal for `key` in the table `table` ("hypervisor.qemu", "runtime", "agent.kata"), or "" when Kata
// has no such key. With an empty key: whether Kata has that whole table.
std::string refusal_of_kata_key(std::string_view table, std::string_view key);

} // namespace nacre::config
