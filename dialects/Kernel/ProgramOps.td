#ifndef QCC_KERNEL_PROGRAM_OPS
#define QCC_KERNEL_PROGRAM_OPS
include "dialects/Kernel/KernelBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Qk_Storage : I32EnumAttr<"Storage", "which memory of the invocation", [
  I32EnumAttrCase<"Weights", 0, "weights">, I32EnumAttrCase<"Arena", 1, "arena">, I32EnumAttrCase<"State", 2, "state">,
  I32EnumAttrCase<"Port", 3, "port">, I32EnumAttrCase<"Scratch", 4, "scratch">, I32EnumAttrCase<"Team", 5, "team">,
  I32EnumAttrCase<"Cluster", 6, "cluster">]> {
  let cppNamespace = "::qcc::qk";
  let genSpecializedAttr = 0;
}
def Qk_StorageAttr : EnumAttr<Qk_Dialect, Qk_Storage, "storage">;

def Qk_BindOp : Qk_Op<"bind", [Pure, AttrSizedOperandSegments]> {
  let summary = "A memref over memory that the caller of the program provides";
  let description = [{
    `weights`, `arena`, `state`: starts `offset` bytes into that region; `port`: input or output buffer number `port` (inputs first).
    Of device programs: `scratch` is memory of the calling SPMD thread alone, which its lanes share; `team` is shared by the thread's team,
    `cluster` by the teams of its cluster.
    `sizes` are the dynamic extents. The layout is dense and row major.
    Example:
      %w = qk.bind weights at %c4096 : memref<256xf32>
      %ids = qk.bind port 0 sizes(%batch, %seq) : memref<?x?xi64>
  }];
  let arguments = (ins Qk_StorageAttr:$storage, DefaultValuedAttr<I64Attr, "0">:$port, Optional<Index>:$offset, Variadic<Index>:$sizes);
  let results = (outs AnyMemRef:$result);
  let assemblyFormat = "$storage ($port^)? (`at` $offset^)? (`sizes` `(` $sizes^ `)`)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Qk_DimOp : Qk_Op<"dim", [Pure]> {
  let summary = "A dimension of this call, by name";
  let description = [{ The value that the caller set for one of the module's `qnt.dims`; `total` is `past + seq`. }];
  let arguments = (ins StrAttr:$name);
  let results = (outs Index:$result);
  let assemblyFormat = "$name attr-dict";
}

def Qk_ThreadIdOp : Qk_Op<"thread_id", [Pure]> {
  let summary = "Number of the calling thread, 0 .. num_threads - 1";
  let results = (outs Index:$result);
  let assemblyFormat = "attr-dict";
}

def Qk_NumThreadsOp : Qk_Op<"num_threads", [Pure]> {
  let summary = "Threads that run this program together";
  let results = (outs Index:$result);
  let assemblyFormat = "attr-dict";
}

// A kernel with the attribute `qk.team` runs on teams of so many SPMD threads (TargetVersion::teamThreads). A team takes one thread's place in
// thread_id and num_threads: its threads compute one share together. `qk.shares`: how many shares there are, where that is known.
def Qk_TeamRankOp : Qk_Op<"team_rank", [Pure]> {
  let summary = "Number of the calling thread in its team";
  let results = (outs Index:$result);
  let assemblyFormat = "attr-dict";
}

def Qk_TeamBarrierOp : Qk_Op<"team_barrier", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Wait until every thread of the team is here; what they wrote before is visible after";
  let description = [{ With `tiles` also to the matrix unit of the team (`qk.team_mma`). }];
  let arguments = (ins UnitAttr:$tiles);
  let assemblyFormat = "attr-dict";
}

// A kernel with the attribute `qk.cluster` too runs on clusters of so many teams (TargetVersion::clusterTeams), which take the place of a thread.
def Qk_ClusterRankOp : Qk_Op<"cluster_rank", [Pure]> {
  let summary = "Number of the calling thread's team in its cluster";
  let results = (outs Index:$result);
  let assemblyFormat = "attr-dict";
}

def Qk_ClusterArriveOp : Qk_Op<"cluster_arrive", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Says that the thread is here; what it wrote before is visible to those that wait for it";
  let description = [{
    A thread arrives and waits in turns. It has arrived when it starts, and need not wait before it ends: who has ended has arrived. Cluster memory
    exists once all have arrived and until the cluster's first team ends.
    Example:
      qk.cluster_wait
      memref.store %sum, %memory[%i] : memref<64xf32>
      qk.cluster_arrive
      qk.cluster_wait
  }];
  let assemblyFormat = "attr-dict";
}

def Qk_ClusterWaitOp : Qk_Op<"cluster_wait", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Wait until every thread of the cluster has arrived";
  let assemblyFormat = "attr-dict";
}

def Qk_PrefetchDistanceOp : Qk_Op<"prefetch_distance", [Pure]> {
  let summary = "Bytes ahead that a loop over much memory prefetches on this processor";
  let description = [{ 0 where the hardware's prefetchers do best alone. The runtime knows: code for one instruction set runs on many processors. }];
  let results = (outs Index:$result);
  let assemblyFormat = "attr-dict";
}

def Qk_ReadAheadOp : Qk_Op<"read_ahead", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "All threads together will read all of this memory, which no step writes";
  let description = [{
    Where a step may start before the one it follows has ended (TargetVersion::overlapsSteps), it brings the memory near while it waits.
    Example:
      qk.read_ahead %weights : memref<3244032xi8>
  }];
  let arguments = (ins AnyMemRef:$memory);
  let assemblyFormat = "$memory attr-dict `:` type($memory)";
}

def Qk_BarrierOp : Qk_Op<"barrier", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Wait until every thread is here; what they wrote before is visible after";
  let description = [{
    `region` numbers the region that ends here: what threads did since the barrier before. It indexes the module's `qk.regions`, which
    describe them for whoever measures the program (DescribeRegions).
    Example:
      qk.barrier 3
  }];
  let arguments = (ins OptionalAttr<ConfinedAttr<I64Attr, [IntNonNegative]>>:$region);
  let assemblyFormat = "($region^)? attr-dict";
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::IntegerAttr()); }]>];
}

def Qk_FailOp : Qk_Op<"fail", [MemoryEffects<[MemWrite]>]> {
  let summary = "Record a run-time error; the first one is kept";
  let description = [{ `code` is one of the QCC_RUN_* of Program.h. The program goes on (with clamped values): the runtime looks afterwards. }];
  let arguments = (ins I64Attr:$code, I64:$detail);
  let assemblyFormat = "$code `,` $detail attr-dict";
}

def Qk_ObserveOp : Qk_Op<"observe", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Show the program's caller the rows that are about to be multiplied with a weight";
  let description = [{
    `values [rows, K]`, dense. The caller knows the weight by its place in the weights file, and may change it there. One thread calls it, while the
    others wait. Without a weight they are a value that the caller may replace in place. See qnt.observe, qnt.tap and qcc_observe.
    Example:
      qk.observe %x of %w : memref<?x256xf32>, memref<524288xi8>
      qk.observe %y : memref<?x256xf32>
  }];
  let arguments = (ins MemRefRankOf<[F32], [2]>:$values, Optional<AnyMemRef>:$weight);
  let assemblyFormat = "$values (`of` $weight^)? attr-dict `:` type($values) (`,` type($weight)^)?";
}

def Qk_LaunchOp : Qk_Op<"launch", [AttrSizedOperandSegments, DestinationStyleOpInterface, DeclareOpInterfaceMethods<SymbolUserOpInterface>,
                                   DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "One SPMD step: every thread computes its share of a kernel, then all meet";
  let description = [{
    `kernel` is a function on memrefs that takes `inputs`, then `outputs`, and computes the calling thread's share. Operands may have more
    leading dimensions than the kernel's parameters; they are collapsed. Before bufferization outputs may be tensors, tied to the results.
    `qk.work` may say what a launch costs: `weight_bytes` that it reads for any number of rows, `macs` (multiply-adds) for each row, and
    `rows`, the names of the dimensions whose product they are (missing where some have none).
    Example:
      %y = qk.launch @norm(%x, %w : tensor<?x?x256xf32>, memref<256xf32>) outs(%init : tensor<?x?x256xf32>) -> (tensor<?x?x256xf32>)
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyType>:$inputs, Variadic<AnyShaped>:$outputs);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    $kernel `(` ($inputs^ `:` type($inputs))? `)` `outs` `(` $outputs `:` type($outputs) `)` attr-dict (`->` `(` type($results)^ `)`)?
  }];
  let extraClassDeclaration = "::mlir::MutableOperandRange getDpsInitsMutable() { return getOutputsMutable(); }";
}
#endif
