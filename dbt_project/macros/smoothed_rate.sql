{#- Share of successes with one success and one failure added (Laplace's rule of
    succession): 1/2 where there was no trial. -#}
{% macro smoothed_rate(n_successes, n_trials) -%}
    (({{ n_successes }} + 1e0) / ({{ n_trials }} + 2e0))
{%- endmacro %}
