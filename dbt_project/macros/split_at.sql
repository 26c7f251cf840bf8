{#- `train`, `val` or `test` from a time and a row of `int_split_times`. -#}
{% macro split_at(ts_epoch, times) -%}
    case
        when {{ ts_epoch }} < {{ times }}.train_until then 'train'
        when {{ ts_epoch }} < {{ times }}.val_until then 'val'
        else 'test'
    end
{%- endmacro %}
