// Which files a model may read.
#ifndef QCC_LIB_FRONTEND_ONNX_EXTERNALDATA_H
#define QCC_LIB_FRONTEND_ONNX_EXTERNALDATA_H
#include "lib/Frontend/ONNX/Problems.h"
#include "qcc/Base/SourceFiles.h"
#include <map>

namespace qcc::importer {
/// Opens the files that external data names, each once. A location is a relative path without "..", to a regular file that lies, with all links
/// followed, below `folder` or below the folder of `model`'s real path (a Hugging Face cache links both model and data to another folder);
/// with `strict` no link is followed at all. The check is made on the opened file, so that it cannot be exchanged in between.
class ExternalData {
public:
  ExternalData(std::string folder, std::string model, bool strict, bool allowAbsent, SourceFiles &sources)
      : folder(std::move(folder)), model(std::move(model)), strict(strict), allowAbsent(allowAbsent), sources(sources) {}

  struct Result {
    int64_t file = -1; // index in the sources, or -1 and:
    Rule rule = Rule::ExternalPath;
    std::string message;
  };
  const Result &open(const std::string &location);

private:
  Result openFile(const std::string &location);

  std::string folder, model;
  bool strict, allowAbsent;
  SourceFiles &sources;
  std::map<std::string, Result> opened; // by location; a refused one is remembered too
};
} // namespace qcc::importer
#endif
