// One event for the engine: a message of containerd.events under its topic.
#pragma once

#include <functional>
#include <string>

namespace nacre::shim {

struct Event {
  std::string topic;   // "/tasks/exit"
  std::string type;    // "containerd.events.TaskExit"
  std::string payload; // the serialized message
};

template <typename Message> Event make_event(std::string topic, const Message& message) {
  return {std::move(topic), message.GetTypeName(), message.SerializeAsString()};
}

// Takes events in the order in which they are to be told; does not block. From any thread.
using EventSink = std::function<void(Event)>;

} // namespace nacre::shim
