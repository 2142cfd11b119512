// Command lines of qcc's programs, parsed by LLVM, with every refusal in one form: "qcc: error: --wbits=x is no whole number [bad-option]", then notes.
#ifndef QCC_BASE_COMMANDLINE_H
#define QCC_BASE_COMMANDLINE_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/CommandLine.h"
#include <string>

namespace qcc {
/// Prints what is wrong with a command line on standard error; true. `notes`: whole lines.
bool refuseOption(const llvm::Twine &message, const llvm::Twine &notes = "");

/// Gives registered options their values (with @files, and the words of the environment's `variable`). False after refusals. `tool`: the program's name.
/// Options of LLVM's own tell wrong values in LLVM's form: that printing goes past the caller.
bool parseOptions(llvm::StringRef tool, llvm::ArrayRef<std::string> words, llvm::StringRef overview, const char *variable = nullptr);

/// "did you mean gptq?": up to three of `known`, at an edit distance of up to a third of the word; "" where none is that near.
std::string didYouMean(llvm::StringRef word, llvm::ArrayRef<std::string> known);

/// What is wrong with the text as a value of the second argument's type, "is no number"; "" where nothing is.
std::string wrongValue(llvm::StringRef text, unsigned);
std::string wrongValue(llvm::StringRef text, int64_t);
std::string wrongValue(llvm::StringRef text, double);
std::string wrongValue(llvm::StringRef text, bool);
inline std::string wrongValue(llvm::StringRef, const std::string &) { return ""; }

/// An option that tells wrong values by refuseOption; of several the last one counts. (cl::Option::error and its callers cannot be told to print in another form.)
template <typename T> struct Opt : llvm::cl::opt<T> {
  using llvm::cl::opt<T>::opt;
  bool addOccurrence(unsigned position, llvm::StringRef name, llvm::StringRef value, bool isMore = false) override {
    std::string dashed = (name.size() == 1 ? "-" : "--") + name.str();
    if (std::string wrong = wrongValue(value, T()); !wrong.empty())
      return refuseOption(dashed + (this->getFormattingFlag() == llvm::cl::Prefix ? "" : "=") + value + " " + wrong, "  note: " + dashed + ": " + this->HelpStr + "\n");
    return llvm::cl::opt<T>::addOccurrence(position, name, value, isMore);
  }
};
} // namespace qcc
#endif
