// See the header.
#include "qcc/Base/CommandLine.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
namespace cl = llvm::cl;
using llvm::StringRef;

static std::string program = "qcc";                        // whose command line is parsed: one a process

bool qcc::refuseOption(const llvm::Twine &message, const llvm::Twine &notes) {
  llvm::errs() << program << ": error: " << message << " [bad-option]\n" << notes;
  return true;
}

std::string qcc::didYouMean(StringRef word, llvm::ArrayRef<std::string> known) {
  std::vector<std::pair<unsigned, StringRef>> near;
  for (StringRef candidate : known)
    if (unsigned distance = word.edit_distance(candidate); distance <= std::max<size_t>(2, word.size() / 3))
      near.emplace_back(distance, candidate);
  llvm::sort(near);
  near.resize(std::min<size_t>(near.size(), 3));
  return near.empty() ? "" : "did you mean " + llvm::join(llvm::make_second_range(near), ", ") + "?";
}

template <typename T> static std::string wrongInteger(StringRef text, StringRef why) {
  T number;
  return text.getAsInteger(0, number) ? why.str() : "";
}
std::string qcc::wrongValue(StringRef text, unsigned) { return wrongInteger<unsigned>(text, "is no whole number from 0 to 4294967295"); }
std::string qcc::wrongValue(StringRef text, int64_t) { return wrongInteger<int64_t>(text, "is no whole number of 64 bits"); }
std::string qcc::wrongValue(StringRef text, double) {
  double number;
  return llvm::to_float(text, number) ? "" : "is no number";
}
std::string qcc::wrongValue(StringRef text, bool) {
  static constexpr llvm::StringLiteral known[] = {"", "true", "TRUE", "True", "1", "false", "FALSE", "False", "0"};
  return llvm::is_contained(known, text) ? "" : "is neither true nor false";
}

/// LLVM's messages, "qcc: <what is wrong>.  Try: 'qcc --help'" and "qcc: Did you mean '..'?", in the form of ours.
static void printParseErrors(StringRef messages) {
  for (StringRef line : llvm::split(messages.trim(), '\n')) {
    bool isOwn = line.consume_front(program + ": "), isNote = !isOwn || line.starts_with("Did you mean");
    line = line.substr(0, std::min(line.find(".  Try: "), line.find(": See: ")));
    if (!line.empty() && isNote)
      llvm::errs() << "  note: " << line << "\n";
    else if (!line.empty())
      qcc::refuseOption(line);
  }
}

/// The last word, if it is an option that has no value behind it.
static bool lacksValue(StringRef word) {
  StringRef name = word.ltrim('-');
  if (name == word || name.contains('='))
    return false;
  auto found = cl::getRegisteredOptions().find(name);
  return found != cl::getRegisteredOptions().end() && found->second->getValueExpectedFlag() == cl::ValueRequired;
}

bool qcc::parseOptions(StringRef tool, llvm::ArrayRef<std::string> words, StringRef overview, const char *variable) {
  program = tool.str();
  std::vector<const char *> args = {program.c_str()};      // in messages, too
  for (const std::string &word : words.drop_front())
    args.push_back(word.c_str());
  if (args.size() > 1 && lacksValue(words.back()) && !llvm::is_contained(words.drop_front().drop_back(), "--"))
    return !refuseOption(words.back() + " needs a value");
  std::string errors;
  llvm::raw_string_ostream stream(errors);
  bool isGood = cl::ParseCommandLineOptions(int(args.size()), args.data(), overview, &stream, nullptr, variable);
  printParseErrors(errors);
  return isGood;
}
