# bash completion of attn(1)
_attn() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} options
    local masks="full causal full_document causal_document sliding_window sliding_window_causal share_question causal_blockwise
        prefix_lm_causal prefix_lm_document global_sliding_window block_causal_document"
    case $before in
    --q | --k | --v | --out | --out-index | --out-score | --lse | --do | --dlse | --dq | --dk | --dv | --alibi | --dalibi | --bias | --dbias | --sink | --dsink | --cu-q | --cu-k | --w | --weights | --dweights | --dw | --kv-lens | --block-table | --png | --input | --svg | --python | --wisdom | --save | --restore | --predictions | --labels | --scores | --nll | --tokens | --bins)
        COMPREPLY=($(compgen -f -- "$word"))
        return ;;
    --store | --figures) COMPREPLY=($(compgen -d -- "$word")); return ;;
    --state) COMPREPLY=($(compgen -W "done stopped failed running killed" -- "$word")); return ;;
    --mask) COMPREPLY=($(compgen -W "$masks" -- "$word")); return ;;
    --score) COMPREPLY=($(compgen -W "dot additive learned-query" -- "$word")); return ;;
    --layout) COMPREPLY=($(compgen -W "bhtd bthd thd" -- "$word")); return ;;
    --dtype) COMPREPLY=($(compgen -W "f32 f64 bf16 f16" -- "$word")); return ;;
    --pass) COMPREPLY=($(compgen -W "fwd bwd fwd+bwd" -- "$word")); return ;;
    --effort) COMPREPLY=($(compgen -W "estimate measure wisdom" -- "$word")); return ;;
    --cache-dtype | --kv-dtype) COMPREPLY=($(compgen -W "f32 bf16 f16 q8_0" -- "$word")); return ;;
    --kernel) COMPREPLY=($(compgen -W "flash decode naive pointer scan scan-serial scan-hillis-steele scan-blelloch" -- "$word")); return ;;
    --peer) COMPREPLY=($(compgen -W "rowpanel torch none" -- "$word")); return ;;
    --corpus) COMPREPLY=($(compgen -W "pile prolong64k prolong512k" -- "$word")); return ;;
    --case) COMPREPLY=($(compgen -W "lm attention baseconv based rwkv mamba hyena h3 lstm conv ptr10 ptr50 hull delaunay exact search greedy nearest christofides-greedy christofides-minimum" -- "$word")); return ;;
    --mechanism) COMPREPLY=($(compgen -W "ulysses ring allgather usp loongtrain hybrid" -- "$word")); return ;;
    --sharding) COMPREPLY=($(compgen -W "contiguous zigzag stripe minheap" -- "$word")); return ;;
    --topology | --rates) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --protocol) COMPREPLY=($(compgen -W "longca" -- "$word")); return ;;
    bench) COMPREPLY=($(compgen -W "peak kernels masks sparse planner decode scan cp search pointer train tour stream answer --help" -- "$word")); return ;;
    mask) COMPREPLY=($(compgen -W "$masks" -- "$word")); return ;;
    --scale) COMPREPLY=($(compgen -W "smoke quick full night paper" -- "$word")); return ;;
    --recipe | --sweep | --plugin | --data | --logits | --resume | --against) COMPREPLY=($(compgen -f -- "$word")); return ;;
    metric) COMPREPLY=($(compgen -W "accuracy auc mae mse perplexity --help" -- "$word")); return ;;
    esac
    case ${COMP_WORDS[1]} in
    apply) options="--q --k --v --out --lse --do --dlse --dq --dk --dv --mask --scale --softcap --alibi --dalibi --bias --dbias --sink --dsink
        --dropout --seed --cu-q --cu-k --w --weights --dweights --dw --score --top --out-index --out-score --kv-lens --block-table --kv-dtype --layout --dtype --kernel --effort --wisdom --threads --json --help" ;;
    metric) options="--predictions --labels --truth --scores --nll --tokens --bins --no-header --skip-bad --json --csv --help" ;;
    systems) options="zoology/mqar zoology/ar_single zoology/stacked zoology/lm --mixers --check --plugin --json --csv --help" ;;
    train) options="zoology/mqar zoology/ar_single zoology/stacked zoology/lm --resume --recipe --sweep --plugin --store --threads --jobs --shard --time-limit --checkpoint-every --again --dry-run --quiet --json --csv --help" ;;
    eval) options="--data --against --bins --plugin --store --threads --json --csv --help" ;;
    predict) options="--input --check --svg --tokens --temperature --seed --data --logits --plugin --store --threads --help" ;;
    stream) options="--tokens --save --save-every --restore --every --allow-missing --strict --describe --quiet --json --store --plugin --threads --help" ;;
    export) options="--c --name --int8 --data --no-libm --force --plugin --store --threads --json --help" ;;
    data) options="zoology/mqar zoology/ar_single zoology/stacked --count --help" ;;
    reproduce) options="zoology pointer aaren longctx --scale --seeds --strict --dry-run --store --threads --jobs --quiet --json --csv --help" ;;
    runs) options="--store --task --state --where --compare --sort --reverse --json --csv --help" ;;
    report) options="--store --where --out --figures --json --help" ;;
    mask) options="--len --kv-len --mask --tile --png --json --help" ;;
    bench) options="--kernel --dtype --pass --mask --batch --instances --tokens --together --heads --kv-heads --len --kv-len --queries --cache-dtype --block-tokens --dim --v-dim --threads --repeat --budget --seconds --limit
        --gain --seed --effort --wisdom --corpus --protocol --peer --python --json --csv --help --queries --top --case --cache-tokens --mixer --layers --ffn --mechanism --sharding --ulysses --windows --exchanges --capacity --sparse --exchange-again --local-ranks --delay --simulate --choose --ranks --tokens-per-rank --topology --measure --rates --tflops --memory-per-rank --masks --figures" ;;
    doctor) options="--python --effort --wisdom --json --help" ;;
    *) options="apply metric systems train eval predict stream export data reproduce runs report mask bench doctor --version --help" ;;
    esac
    COMPREPLY=($(compgen -W "$options" -- "$word"))
}
complete -F _attn attn
