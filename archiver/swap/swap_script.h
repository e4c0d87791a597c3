#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "archiver/tar/remote_tar.h"

namespace orcio::inline archiver {

// Replacing files of a stopped service by restored ones: all of them, or none. What orcio sends to
// a host for it, all of it, comes from here.
//
// Beside each of the service's paths, outside of what the service can write, a directory
// .orcio-restore-ID is made with mode 0700 while the service runs. It holds
//   tree     what was restored, each entry under its archived path; what was swapped out of the
//            way again, if the swap was undone
//   whole    once all of that has arrived
//   old      what was replaced, under the number of its item; "N.absent", a directory, if item
//            N was not there
//   found-N  what somebody put in an item's place in the middle of the swap
//   done     a directory, of the first tree: the swap is whole and counts. Without it, PutBack
//            undoes whatever of it there is
// Only renames within one file system are made of the items themselves.
struct SwapPlan {
  // One of the service's paths, or things below it.
  struct Tree {
    std::string top;                 // the directory that the path is in, absolute
    std::vector<std::string> items;  // relative to it, no "." and ".."; none below another

    bool operator==(const Tree&) const = default;
  };
  std::string id;           // 32 hexadecimal digits
  std::vector<Tree> trees;  // at least one, of different tops
  bool keep = false;        // what was replaced stays there

  bool operator==(const SwapPlan&) const = default;
};

// In a tar that UnpackForSwap takes: see kHostTreeRoot and kHostTreeMark.

// Each prints lines "orcio-swap: WORD REST" among what login scripts print.

// Looks, and changes nothing: "user UID"; "missing TREE ITEM" if the directory above an item is
// not there, or is reached through a symlink that the service may have made; "other TREE ITEM"
// if it is on another file system; "real PATH" of each item; "left PATH" for what an earlier
// restore has left; "free TREE KIB". Ends with "looked".
[[nodiscard]] std::string LookForSwap(const SwapPlan& plan);
// Unpacks standard input, for `tree` of the plan: "ready", or nothing of it stays.
[[nodiscard]] std::string UnpackForSwap(const SwapPlan& plan, const SwapPlan::Tree& tree,
                                        const RemoteTar& tar, bool by_name);
// The directory that UnpackForSwap fills.
[[nodiscard]] std::string UnpackedTree(const SwapPlan& plan, const SwapPlan::Tree& tree);
// With the service stopped: "moved PATH" for each item, "swapped" once all are in place, which does
// not count yet.
[[nodiscard]] std::string Swap(const SwapPlan& plan);
// "replaced" once it counts.
[[nodiscard]] std::string DecideSwap(const SwapPlan& plan);
// Before the service starts, whatever has happened. "replaced" if the swap counts; else
// "as-before", or "stuck ITEM" if something cannot be put back, or "over" after ConcludeSwap.
// May be interrupted, and repeated.
[[nodiscard]] std::string PutBack(const SwapPlan& plan);
// The same for the guard's program: sets puts_back, and defines put_back, which fails if
// something is stuck.
[[nodiscard]] std::string PutBackFunction(const SwapPlan& plan);
// Once the service runs: removes what is not needed any more. "kept PATH" for what stays.
[[nodiscard]] std::string ConcludeSwap(const SwapPlan& plan);

struct SwapAnswer {
  std::string word;
  std::string rest;
};
[[nodiscard]] std::vector<SwapAnswer> SwapAnswers(std::string_view output);

}  // namespace orcio::inline archiver
