//! Drawing b2b-mimic at full size and encoding it; `scripts/bench_data.py` does the same in numpy.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::path::Path;
use valor_data::b2b_mimic::B2bMimicSpec;
use valor_data::encode::{Encoder, Encoding};
use valor_data::propensity::Propensity;
use valor_data::split::{SplitSpec, split};
use valor_data::{DataSpec, load};

fn full_size(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("data");
    group.sample_size(10);
    let spec = DataSpec::B2bMimic(B2bMimicSpec::default());
    let draw = || load(&spec, Path::new("")).expect("the default spec is valid");
    group.bench_function("generate b2b-mimic", |bencher| bencher.iter(|| black_box(draw())));

    let dataset = draw();
    let parts = split(&dataset, &SplitSpec::default(), 0, None).expect("the default split is valid");
    group.bench_function("split by row", |bencher| {
        bencher.iter(|| {
            split(black_box(&dataset), &SplitSpec::default(), 0, None).expect("the default split is valid")
        })
    });
    group.bench_function("fit and encode", |bencher| {
        bencher.iter(|| {
            let encoder = Encoder::fit(black_box(&dataset), &parts.train, Encoding::Standard);
            encoder.encode(&dataset).expect("the encoder was fitted on these features")
        })
    });
    let features = Encoder::fit(&dataset, &parts.train, Encoding::Standard)
        .encode(&dataset)
        .expect("these are its features");
    group.bench_function("fit propensity", |bencher| {
        bencher.iter(|| Propensity::fit(black_box(&features), dataset.assigned(), &parts.train))
    });
    group.finish();
}

criterion_group!(benches, full_size);
criterion_main!(benches);
