// Moving data over the boundary: strings, sized structs, descriptors, and the memory behind what is handed
// out.
#ifndef NACRE_SDK_BOUNDARY_HPP
#define NACRE_SDK_BOUNDARY_HPP

#include <nacre/plugin/host_api.h>
#include <nacre/sdk/error.hpp>
#include <nacre/sdk/fd.hpp>

#include <cstdint>
#include <fcntl.h>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::sdk {

inline std::string text_of(const char* text, std::uint64_t length) {
  return text == nullptr ? std::string() : std::string(text, length);
}

// The caller's struct as this side knows it: what is missing at its tail (an older caller) reads as zero,
// what is too much (a newer one) is left out.
template <typename T> T received(const T* from, const char* what) {
  if (from == nullptr || from->struct_size < 2 * sizeof(std::uint32_t))
    throw Error(NACRE_E_INVALID_ARGUMENT, std::string(what) + " is missing");
  T to{};
  std::memcpy(&to, from, std::min<std::size_t>(from->struct_size, sizeof(T)));
  return to;
}

// Writes as much of `value` as the receiver has room for; the receiver's struct_size stays.
template <typename T> void deliver(T* to, T value) {
  if (to == nullptr) return;
  value.struct_size = to->struct_size;
  std::memcpy(to, &value, std::min<std::size_t>(to->struct_size, sizeof(T)));
}

// Owns what is handed out until the next call on the same handle.
class Arena {
public:
  void clear() { memory_.release(); }

  // A zeroed struct with its struct_size set.
  template <typename T> T* make() {
    auto* object = new (memory_.allocate(sizeof(T), alignof(T))) T{};
    object->struct_size = sizeof(T);
    return object;
  }
  template <typename T> T* array(std::size_t count) {
    if (count == 0) return nullptr;
    auto* first = static_cast<T*>(memory_.allocate(sizeof(T) * count, alignof(T)));
    std::uninitialized_value_construct_n(first, count);
    return first;
  }
  template <typename T> const T* copy(const std::vector<T>& values) {
    T* first = array<T>(values.size());
    std::copy(values.begin(), values.end(), first);
    return first;
  }
  const char* text(std::string_view text) {
    char* copy = array<char>(text.size() + 1);
    std::copy(text.begin(), text.end(), copy);
    return copy;
  }
  // NUL-terminated strings.
  const char* const* texts(const std::vector<std::string>& values) {
    const char** first = array<const char*>(values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      first[i] = text(values[i]);
    return first;
  }

private:
  std::pmr::monotonic_buffer_resource memory_;
};

// Sets a NACRE_STRING field: NACRE_SDK_SET(arena, device, id, value).
#define NACRE_SDK_SET(arena, target, field, value)                                                           \
  do {                                                                                                       \
    (target)->field = (arena).text(value);                                                                   \
    (target)->field##_len = (value).size();                                                                  \
  } while (0)
// Reads one.
#define NACRE_SDK_GET(source, field) ::nacre::sdk::text_of((source).field, (source).field##_len)

// Descriptors of a call that this side makes.
class FdsToSend {
public:
  // Index of the first one; all are moved with the call.
  std::uint32_t add(std::vector<Fd> fds) {
    const auto first = static_cast<std::uint32_t>(owned_.size());
    for (Fd& fd : fds)
      owned_.push_back(std::move(fd));
    return first;
  }
  std::int32_t add(Fd fd) {
    if (!fd) return -1;
    owned_.push_back(std::move(fd));
    return static_cast<std::int32_t>(owned_.size() - 1);
  }
  // For the call that comes next: from here on the descriptors are the receiver's.
  const nacre_fds* hand_over() {
    for (Fd& fd : owned_)
      numbers_.push_back(fd.release());
    ownership_.assign(numbers_.size(), NACRE_FD_MOVED);
    raw_ = {sizeof raw_, static_cast<std::uint32_t>(numbers_.size()), numbers_.data(), ownership_.data()};
    return &raw_;
  }
  // As the answer to a call; throws, and closes them, when there is no room.
  void hand_out(nacre_fds_out* out) {
    if (owned_.empty()) {
      if (out != nullptr) out->count = 0;
      return;
    }
    if (out == nullptr || out->capacity < owned_.size())
      throw Error(NACRE_E_EXHAUSTED, "no room for " + std::to_string(owned_.size()) + " descriptors");
    for (std::size_t i = 0; i < owned_.size(); ++i)
      out->fds[i] = owned_[i].release();
    out->count = static_cast<std::uint32_t>(owned_.size());
  }

private:
  std::vector<Fd> owned_;
  std::vector<std::int32_t> numbers_;
  std::vector<std::uint32_t> ownership_;
  nacre_fds raw_{};
};

// Descriptors of a call that this side got. Those that nobody takes are closed.
class ReceivedFds {
public:
  ReceivedFds() = default;
  explicit ReceivedFds(const nacre_fds* fds) {
    if (fds == nullptr) return;
    fds_.resize(fds->count);
    for (std::uint32_t i = 0; i < fds->count;
         ++i) // first those that are ours: nothing may be lost by a throw
      if (fds->ownership[i] == NACRE_FD_MOVED) fds_[i] = Fd(fds->fds[i]);
    for (std::uint32_t i = 0; i < fds->count; ++i)
      if (fds->ownership[i] != NACRE_FD_MOVED)
        fds_[i] =
            Fd(check_errno(::fcntl(fds->fds[i], F_DUPFD_CLOEXEC, 3), "duplicate a borrowed descriptor"));
  }
  explicit ReceivedFds(const nacre_fds_out& out) {
    for (std::uint32_t i = 0; i < std::min(out.count, out.capacity); ++i)
      fds_.emplace_back(out.fds[i]);
  }

  // Each can be taken once.
  Fd take(std::uint32_t index) {
    if (index >= fds_.size() || !fds_[index])
      throw Error(NACRE_E_INVALID_ARGUMENT,
                  "there is no descriptor " + std::to_string(index) + " in the call");
    return std::move(fds_[index]);
  }
  std::vector<Fd> take(std::uint32_t first, std::uint32_t count) {
    std::vector<Fd> taken;
    for (std::uint32_t i = 0; i < count; ++i)
      taken.push_back(take(first + i));
    return taken;
  }

private:
  std::vector<Fd> fds_;
};

} // namespace nacre::sdk

#endif
