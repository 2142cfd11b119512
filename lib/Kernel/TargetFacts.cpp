// Writes and reads `qk.target`.
#include "lib/Kernel/TargetFacts.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "qcc/Kernel/Pipeline.h"
using namespace mlir;
using namespace qcc;

void qcc::setTargetFacts(ModuleOp module, const TargetVersion &version, unsigned panelLanes) {
  Builder b(module.getContext());
  auto number = [&](StringRef name, int64_t value) { return b.getNamedAttr(name, b.getI64IntegerAttr(value)); };
  auto flag = [&](StringRef name, bool value) { return b.getNamedAttr(name, b.getBoolAttr(value)); };
  module->setAttr("qk.target", b.getDictionaryAttr({
    b.getNamedAttr("name", b.getStringAttr(version.name)), number("panel_lanes", panelLanes), number("vector_bits", version.vectorBits),
    number("vector_registers", version.numVectorRegisters), flag("dot4", version.dot4), number("dot4_chains", version.dot4Chains),
    flag("lane_broadcast", version.laneBroadcast), flag("rows_together", version.rowsTogether), flag("signed_dot4", version.signedDot4), flag("slow_conversion", version.slowConversion),
    flag("dot8x2", version.dot8x2), flag("selects_16_floats", version.selects16Floats), flag("tile_int8", version.tileInt8),
    flag("tile_bf16", version.tileBf16), number("tile_int8_min_k", version.tileInt8MinK), number("team_threads", version.teamThreads), number("cluster_teams", version.clusterTeams), number("busy_threads", version.busyThreads),
    flag("overlaps_steps", version.overlapsSteps), number("repeat_columns", version.repeatColumns), number("share_columns", version.shareColumns), number("share_rows", version.shareRows),
    flag("lane_mma", version.laneMma), number("team_mma", version.teamMma), flag("shuffles", version.shuffles), flag("odd_rows", version.oddRows),
    number("l1_bytes", version.l1Bytes), number("l2_bytes", version.l2Bytes)}));
}

TargetFacts qcc::getTargetFacts(Operation *op) {
  auto module = isa<ModuleOp>(op) ? cast<ModuleOp>(op) : op->getParentOfType<ModuleOp>();
  TargetFacts facts;
  auto dict = module->getAttrOfType<DictionaryAttr>("qk.target");
  if (!dict)
    return facts;
  auto number = [&](StringRef name, auto &field) {
    if (auto attr = dict.getAs<IntegerAttr>(name))
      field = attr.getInt();
  };
  auto flag = [&](StringRef name, bool &field) {
    if (auto attr = dict.getAs<BoolAttr>(name))
      field = attr.getValue();
  };
  if (auto name = dict.getAs<StringAttr>("name"))
    facts.version.name = name.str();
  number("panel_lanes", facts.panelLanes);
  number("vector_bits", facts.version.vectorBits);
  number("vector_registers", facts.version.numVectorRegisters);
  flag("dot4", facts.version.dot4);
  number("dot4_chains", facts.version.dot4Chains);
  flag("lane_broadcast", facts.version.laneBroadcast);
  flag("rows_together", facts.version.rowsTogether);
  flag("signed_dot4", facts.version.signedDot4);
  flag("slow_conversion", facts.version.slowConversion);
  flag("dot8x2", facts.version.dot8x2);
  flag("selects_16_floats", facts.version.selects16Floats);
  flag("tile_int8", facts.version.tileInt8);
  flag("tile_bf16", facts.version.tileBf16);
  number("tile_int8_min_k", facts.version.tileInt8MinK);
  number("team_threads", facts.version.teamThreads);
  number("cluster_teams", facts.version.clusterTeams);
  number("busy_threads", facts.version.busyThreads);
  flag("overlaps_steps", facts.version.overlapsSteps);
  number("repeat_columns", facts.version.repeatColumns);
  number("share_columns", facts.version.shareColumns);
  number("share_rows", facts.version.shareRows);
  flag("lane_mma", facts.version.laneMma);
  number("team_mma", facts.version.teamMma);
  flag("shuffles", facts.version.shuffles);
  flag("odd_rows", facts.version.oddRows);
  number("l1_bytes", facts.version.l1Bytes);
  number("l2_bytes", facts.version.l2Bytes);
  return facts;
}
