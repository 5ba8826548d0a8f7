// Bytes in the order of their arrival. Empty, it owns no memory: hundreds of idle streams must cost nothing.
#pragma once

#include <string>
#include <string_view>

namespace nacre::agent_client {

class ByteQueue {
public:
  std::size_t size() const noexcept { return bytes_.size() - head_; }
  bool empty() const noexcept { return size() == 0; }
  std::string_view view() const noexcept { return std::string_view(bytes_).substr(head_); }

  void append(std::string_view more) {
    if (head_ > 0 && head_ >= size()) { // moving the rest to the front costs less than what was consumed
      bytes_.erase(0, head_);
      head_ = 0;
    }
    bytes_.append(more);
  }
  void consume(std::size_t count) {
    head_ += count;
    if (empty()) clear();
  }
  void clear() noexcept {
    std::string().swap(bytes_);
    head_ = 0;
  }

private:
  std::string bytes_;
  std::size_t head_ = 0;
};

} // namespace nacre::agent_client
